import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { readSchedule } from '../../harness/schedule/schedule-file.js';
import { test } from '../package/fixtures.js';

const head = 'schema: ordeal.schedule/1\n';
const one = (more: string) => `${head}tests:\n  - { id: a, service: s, features: [a.feature], ${more} }\n`;

test('every fault of a schedule is told at once, with its place', async ({ folder }) => {
  const file = join(folder, 's.yaml');
  await writeFile(
    file,
    `${head}timeZone: Mars/Olympus\ntests:
  - { id: a, service: s, cron: "61 * * * *", features: [a.feature] }
  - { id: a, service: s, cron: "0 0 * * *", features: [a.feature], windows: [{ days: [mon], start: "01:00", end: "02:00", timeZone: Nowhere }] }
blackouts: [{ from: 2026-12-20, to: 2026-12-01 }]\n`,
  );
  const error = await readSchedule(file).then(
    () => undefined,
    (e: Error) => e,
  );
  for (const fault of [
    '5 faults',
    'timeZone: must be an IANA time zone, got "Mars/Olympus"',
    'tests[0].cron: must be a cron expression, got "61 * * * *"',
    'tests[1].id: "a" is there twice',
    'tests[1].windows[0].timeZone: must be an IANA time zone, got "Nowhere"',
    'blackouts[0]: must not end (2026-12-01) before it begins (2026-12-20)',
  ]) {
    expect(error?.message).toContain(fault);
  }
});

const refused: readonly [what: string, text: string, message: RegExp][] = [
  ['a schedule without tests', `${head}tests: []\n`, /must name at least one test/],
  ['an unknown field', one('cron: "@daily", when: now'), /when/],
  ['a moment that never comes', one('cron: "0 0 30 2 *"'), /never comes|must be a cron expression/],
  [
    'a notice to nobody',
    `${one('cron: "@daily"')}notify: [{ on: [failed] }]\n`,
    /must have either a webhook or a command/,
  ],
  ['an unknown policy', one('cron: "@daily", missed: twice'), /missed/],
  ['broken YAML', 'tests: [', /not well-formed YAML/],
];
for (const [what, text, message] of refused) {
  test(`${what} is refused`, async ({ folder }) => {
    const file = join(folder, 's.yaml');
    await writeFile(file, text);
    await expect(readSchedule(file)).rejects.toThrow(message);
  });
}
