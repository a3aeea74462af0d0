import { PassThrough } from 'node:stream';
import { expect, test } from '@playwright/test';
import { stageNames } from '../../harness/model/run-record.js';
import { terminalProgress } from '../../reports/progress.js';
import { failedRun } from './sample-run.js';

function listen(options: { tty: boolean }) {
  const stream = Object.assign(new PassThrough(), { isTTY: options.tty, columns: 100, rows: 40 });
  let said = '';
  stream.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  let ms = Date.parse('2026-11-22T02:58:14.120Z');
  const listener = terminalProgress(stream as unknown as NodeJS.WriteStream, {
    ...options,
    colour: false,
    now: () => new Date(ms),
  });
  return {
    listener,
    wait: (forMs: number) => {
      ms += forMs;
    },
    said: () => said,
  };
}

test('without a terminal every event is one plain line with a time stamp', () => {
  const { record } = failedRun();
  const { listener, wait, said } = listen({ tty: false });
  listener.started({ id: record.id, title: record.title, service: record.service, plan: ['Fault: stall of store-1'] });
  listener.stage('baseline', 'running', '');
  wait(5000);
  listener.stage('baseline', 'done', '500 samples, steady');
  listener.note('two\nlines \u001b[2J');
  listener.finished(record);
  const lines = said().trimEnd().split('\n');
  expect(lines.every((l) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}\S? ?/.test(l))).toBe(true);
  expect(said()).not.toContain('\u001b');
  expect(lines[1]).toBe('2026-11-22T02:58:14Z    plan: Fault: stall of store-1');
  expect(lines[3]).toMatch(/^2026-11-22T02:58:19Z {2}step 2\/8 {2}Baseline +done after 5 s: 500 samples, steady$/);
  expect(lines.at(-1)).toContain('FAILED, RESTORED. session-gateway works now, as it did before the test.');
});

test('on a terminal the eight steps are drawn in place with state, elapsed time and notes', () => {
  const { record } = failedRun();
  const { listener, wait, said } = listen({ tty: true });
  listener.started({ id: record.id, title: record.title, service: record.service, plan: [] });
  for (const name of stageNames) {
    listener.stage(name, 'running', '');
    wait(1500);
    listener.stage(name, name === 'react' ? 'failed' : 'done', `${name} told`);
  }
  listener.finished(record);
  const last = said().slice(said().lastIndexOf('1 Plan'));
  for (const name of stageNames) expect(last).toContain(`${name} told`);
  expect(last).toMatch(/✗ 5 Service reacts +1\.5 s {2}react told/);
  expect(last).toMatch(/✓ 8 Forensic snapshot +1\.5 s/);
});

test('a listener that is used for a second run starts afresh', () => {
  const { record } = failedRun();
  const { listener, said } = listen({ tty: true });
  const info = { id: record.id, title: record.title, service: record.service, plan: [] };
  listener.started(info);
  listener.stage('plan', 'done', 'first');
  listener.finished(record);
  const before = said().length;
  listener.started(info);
  listener.finished(record);
  expect(said().slice(before)).not.toContain('first');
});
