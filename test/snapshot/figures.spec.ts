import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { TraceStep } from '../../harness/model/roles.js';
import { PolicyGrant } from '../../harness/snapshot/grant/policy-grant.js';
import { NotificationHub } from '../../harness/snapshot/notification/hub.js';
import { sequenceDiagrams } from '../../harness/snapshot/sequence-diagram.js';
import { type EmbeddedMachine, embeddedMachine } from './embedded-machine.js';
import { type EmbeddedWorld, embeddedWorld } from './embedded-world.js';
import { figuresFor, numbersInTheText } from './figures.js';

const sender = 'EM';
const figures = figuresFor(sender);
/** Settled for the VNF already: the figures of clause 6.4 have them as optional, and so have those of 6.6. */
const settled: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(['6.4.1', '6.4.2', '6.4.3', '6.4.4'].map((clause) => [clause, [3, 4]])),
  ...Object.fromEntries(['6.6.3', '6.6.4'].map((clause) => [clause, [2, 3]])),
};

let world: EmbeddedWorld;
const trace: TraceStep[] = [];

/** Every procedure with every optional step, over the embedded VIM. */
async function everything(machine: EmbeddedMachine): Promise<void> {
  const { engine, packages } = machine;
  const disks = { type: 'cold', detachDisksBefore: true, attachDisksAfter: true } as const;
  const { id } = await engine.create({
    vnf: 'web',
    name: 'n',
    purpose: 'manual',
    sender,
    vnfcs: { 'web-1': disks, 'web-2': { ...disks, powerOff: 'before', powerOnAfter: true } },
  });
  await engine.revert(id, { stopFirst: true, detachDisks: true, sender });
  const pack = await packages.create({ vnfSnapshotId: id, sender });
  await packages.createVnfc({ vnfSnapshotId: id, vnfcId: 'web-1', sender });
  const to = join(machine.folder, 'out.zip');
  await packages.export({ packageId: pack.id, to, sender });
  await packages.query({ sender });
  await packages.delete(pack.id, { sender });
  const imported = await packages.import({ from: to, sender });
  await packages.extract({ packageId: imported.id, vnfSnapshotId: `copy-${machine.trace.length}`, sender });
  await packages.delete(imported.id, { sender });
}

test.beforeAll(async () => {
  world = await embeddedWorld();
  for (const mode of ['direct', 'indirect'] as const) {
    const notification = new NotificationHub();
    await using machine = await embeddedMachine(world, {}, { mode, notification, grant: new PolicyGrant() });
    await everything(machine);
    trace.push(...machine.trace.map((s) => ({ ...s, subject: `${s.subject} ${mode}` })));
  }
});
test.afterAll(() => world?.[Symbol.asyncDispose]());

for (const [clause, figure] of Object.entries(figures)) {
  test(`the trace of ${clause} has the numbers, the directions and the order of the figure`, {
    tag: ['@vim:embedded', `@PR-${clause}`],
  }, () => {
    const numbers = figure.map((m) => m.step);
    const text = numbersInTheText[clause] ?? [];
    expect(numbers.filter((n) => text.includes(n))).toEqual(text);
    const told = trace.filter((s) => s.clause === clause);
    expect(told.length).toBeGreaterThan(0);
    for (const { step, from, to, outcome, note } of told) {
      const { from: a, to: b } = figure[step - 1] ?? {};
      // One that is skipped is the request that was not made.
      expect([step, from, to, outcome]).toEqual([step, a, b, expect.stringMatching(/^(done|skipped)$/)]);
      if (outcome === 'skipped') expect(note?.length, `${step} says why`).toBeGreaterThan(5);
    }
    for (const subject of new Set(told.map((s) => s.subject))) {
      const order = told.filter((s) => s.subject === subject).map((s) => s.step);
      // It goes back only to begin anew.
      const back = order.filter((step, i) => step < (order[i - 1] ?? 0));
      expect(
        back.filter((step) => step !== 1),
        `${subject}: ${order}`,
      ).toEqual([]);
    }
    const done = new Set(told.filter((s) => s.outcome === 'done').map((s) => s.step));
    expect(numbers.filter((n) => !done.has(n))).toEqual(settled[clause] ?? []);
  });
}

test('every procedure has its sequence diagram, which Mermaid can read', () => {
  const diagrams = sequenceDiagrams(trace);
  const clauses = new Set(diagrams.map((d) => d.title.split(' ')[0]));
  expect([...clauses].sort()).toEqual(Object.keys(figures).sort());
  for (const { title, mermaid } of diagrams) {
    const body = mermaid.split('\n').slice(4, -1);
    for (const line of body) {
      expect(line, title).toMatch(
        /^ {2}(participant p\d+ as \S.*|p\d+(->>|-->>|-x)p\d+: \d+ .+|note over p\d+(,p\d+)?: \d+ .+)$/,
      );
    }
  }
});
