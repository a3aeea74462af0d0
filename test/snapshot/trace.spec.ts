import { expect, test } from '@playwright/test';
import type { TraceStep } from '../../harness/model/roles.js';
import { NfvoRelay } from '../../harness/snapshot/engine.js';
import { PolicyGrant } from '../../harness/snapshot/grant/policy-grant.js';
import { NotificationHub } from '../../harness/snapshot/notification/hub.js';
import { sequenceDiagrams } from '../../harness/snapshot/sequence-diagram.js';
import { openBench } from './bench.js';

const request = { vnf: 'web', name: 'n', purpose: 'manual', sender: 'EM' } as const;
const everyStep = { type: 'cold', detachDisksBefore: true, attachDisksAfter: true } as const;
const steps = (trace: readonly TraceStep[], clause: string, subject: string) =>
  trace.filter((s) => s.clause === clause && s.subject === subject && s.outcome === 'done').map((s) => s.step);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a creation in direct mode goes through the steps of figures 6.4.1-1 and 6.5.1-1 in their order', {
  tag: [
    '@PR-6.4.1',
    '@PR-6.5.1',
    '@ViVnfm-Vcrm.001',
    '@ViVnfm-Vcrm.002',
    '@ViVnfm-Vcrm.003',
    '@ViVnfm-Vcrm.004',
    '@VeVnfmem-Vlm.001',
  ],
}, async () => {
  await using bench = await openBench({
    web: { vnfcs: { 'web-1': everyStep, 'web-2': { ...everyStep, powerOff: 'before', powerOnAfter: true } } },
  });
  const engine = bench.engine({ notification: new NotificationHub(), grant: new PolicyGrant() });
  await engine.create(request);
  expect(steps(bench.trace, '6.4.1', 'web-1')).toEqual([1, 2, ...range(9, 33), 38]);
  expect(steps(bench.trace, '6.4.1', 'web-2')).toEqual([1, 2, ...range(5, 12), ...range(17, 25), ...range(30, 38)]);
  expect([...new Set(steps(bench.trace, '6.5.1', 'web'))]).toEqual(range(1, 14));
  const skipped = bench.trace.filter((s) => s.outcome === 'skipped' && s.subject === 'web-1');
  expect(skipped.every((s) => s.note !== undefined)).toBe(true);
});

test('a reversion in direct mode goes through the steps of figures 6.4.3-1 and 6.5.2-1 in their order', {
  tag: ['@PR-6.4.3', '@PR-6.5.2', '@ViVnfm-Vcrm.005', '@ViVnfm-Vsrm.001', '@VeVnfmem-Vlm.002'],
}, async () => {
  await using bench = await openBench();
  const engine = bench.engine({ notification: new NotificationHub(), grant: new PolicyGrant() });
  const { id } = await engine.create(request);
  await engine.revert(id, { stopFirst: true, detachDisks: true, sender: 'EM' });
  expect(steps(bench.trace, '6.4.3', 'web-1')).toEqual([1, 2, ...range(5, 29)]);
  expect([...new Set(steps(bench.trace, '6.5.2', 'web'))]).toEqual(range(1, 13));
});

test('in indirect mode every request to the VIM passes through the NFVO, with the numbers of its figures', {
  tag: ['@PR-6.4.2', '@PR-6.4.4', '@OrVi-Vcrm', '@OrVi-Vsrm.001', '@OsMaNfvo-Nslm.001', '@OsMaNfvo-Nslm.002'],
}, async () => {
  await using bench = await openBench({ web: { vnfcs: { 'web-1': everyStep, 'web-2': everyStep } } });
  const relay = new NfvoRelay(new Map([['fake', bench.vim]]));
  const engine = bench.engine({ mode: 'indirect', relay, vims: new Map() });
  const { id } = await engine.create({ ...request, sender: 'NFVO' });
  await engine.revert(id, { stopFirst: true, detachDisks: true, sender: 'NFVO' });
  expect(steps(bench.trace, '6.4.2', 'web-1')).toEqual([1, 2, ...range(11, 47), 54]);
  expect(steps(bench.trace, '6.4.4', 'web-1')).toEqual([1, 2, ...range(5, 41)]);
  const relayed = relay.calls.map((c) => c.what);
  for (const word of [
    'capture',
    'detach',
    'quiesce',
    'unquiesce',
    'attach',
    'freeze',
    'thaw',
    'store',
    'revert',
    'stop',
    'start',
  ]) {
    const asked = word === 'capture' ? 'create the snapshot' : word;
    expect(
      relayed.some((what) => what.startsWith(asked)),
      word,
    ).toBe(true);
  }
});

test('an NFVO that does not authorise a request stops the creation, and nothing stays', async () => {
  await using bench = await openBench();
  const relay = new NfvoRelay(new Map([['fake', bench.vim]]), async (_vim, what) => {
    if (what.startsWith('store')) throw new Error('not today');
  });
  const before = JSON.stringify(bench.vim.world());
  await expect(bench.engine({ mode: 'indirect', relay }).create(request)).rejects.toThrow('not today');
  expect(JSON.stringify(bench.vim.world())).toEqual(before);
});

test('a trace becomes a Mermaid sequence diagram of each procedure', () => {
  const step = { clause: '6.4.1', subject: 'web-1', atMs: 0, outcome: 'done' } as const;
  const [diagram] = sequenceDiagrams([
    { ...step, step: 13, from: 'VNFM', to: 'VIM', what: 'quiesce; the end #1' },
    { ...step, step: 16, from: 'VIM', to: 'VNFM', what: 'quiesce: done' },
    { ...step, step: 30, from: 'VNFM', to: 'VIM', what: 'attach', outcome: 'skipped', note: 'not asked for' },
    { ...step, step: 38, from: 'VNFM', to: 'Sender', what: 'refused', outcome: 'failed' },
  ]);
  expect(diagram).toEqual({
    title: '6.4.1 web-1',
    mermaid: `---
title: "6.4.1 web-1"
---
sequenceDiagram
  participant p0 as Sender
  participant p1 as VNFM
  participant p2 as VIM
  p1->>p2: 13 quiesce#59; the e#110;d #35;1
  p2-->>p1: 16 quiesce: done
  note over p1,p2: 30 attach (not asked for): skipped
  p1-xp0: 38 refused
`,
  });
});
