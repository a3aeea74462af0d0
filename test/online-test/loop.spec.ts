import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunRecord } from '../../harness/model/run-record.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { sweepPopulation } from '../../harness/online-test/sweep.js';
import { showPackage, verifyPackage } from '../../harness/package/index.js';
import { until } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { expect, test } from '../../scenarios/fixtures.js';
import { temporaryFolder } from '../temporary-folder.js';

const area = { around: ['gateway', 'session-store'], baselineMs: 3000 };

test.describe.configure({ mode: 'serial' });

test('a service that recovers by itself is not touched again', {
  tag: [...['1', '2', '4', '5', '6'].map((step) => `@UC-4.1.1.${step}`), '@vim:embedded'],
}, async ({ onlineTest, service }) => {
  const run = await onlineTest({ ...area, faults: [{ kind: 'crash', target: { vnfc: 'worker-1' } }] });
  expect(run.errors).toEqual([]);
  expect(run.verdicts).toEqual({
    service: 'recovered',
    injection: 'confirmed',
    restoration: 'not-needed',
    evidence: 'not-needed',
  });
  expect(run.exitCode).toBe(0);
  expect(run.stages.map((s) => `${s.name} ${s.state}`)).toEqual([
    ...['plan', 'baseline', 'snapshot', 'inject', 'react', 'measure', 'judge'].map((name) => `${name} done`),
    'forensic skipped',
  ]);
  const captured = run.snapshots.flatMap((s) => s.vnfcs);
  expect(captured.map((c) => c.id).sort()).toEqual(['lb', 'store-1', 'store-2', 'worker-1', 'worker-2']);
  for (const c of captured) expect(c).toMatchObject({ type: 'warm' });
  for (const c of captured) expect(c.pausedMs, `${c.id} stood still for the cut`).toBeGreaterThan(0);
  expect(run.indicators.length).toBeGreaterThan(0);
  for (const i of run.indicators) expect(i).toMatchObject({ outcome: expect.stringMatching(/as-before|better/) });
  expect(run.recovery).toBe('within');
  expect(service.journal.runs({ open: true })).toEqual([]);
});

let failed: RunRecord;

test('a service that does not recover is restored, and its sessions are those of the snapshot', {
  tag: ['@UC-4.1.1.7', '@vim:embedded'],
}, async ({ onlineTest, service }) => {
  failed = await onlineTest({ ...area, faults: [{ kind: 'stall', target: { vnfc: 'store-1' }, durationMs: 2000 }] });
  expect(failed.errors).toEqual([]);
  expect(failed.verdicts).toEqual({
    service: 'failed',
    injection: 'confirmed',
    restoration: 'restored',
    evidence: 'exported',
  });
  expect(failed.exitCode).toBe(30);
  expect(await sweepPopulation(service, 'sessions')).toMatchObject({ checked: 5000, badCount: 0 });
  expect(service.journal.runs({ open: true })).toEqual([]);
  for (const vim of service.vims.values()) {
    expect(await vim.faults?.active()).toEqual([]);
    expect(await vim.replacement?.ownedBy(failed.id)).toEqual([]);
  }
});

test('the evidence is sound, and holds memory, log, measurements and the verdict', {
  tag: ['@UC-4.1.1.8', '@UC-4.2.1.2', '@vim:embedded'],
}, async () => {
  expect(failed.packages).toHaveLength(2);
  for (const { file } of failed.packages) await verifyPackage(file);
  const store = failed.packages.find((p) => p.file.includes('session-store'))?.file ?? '';
  const { vnfcs, artifacts, vnfSnapshot } = await showPackage(store);
  expect(vnfcs.map((v) => v.id).sort()).toEqual(['store-1', 'store-2']);
  for (const { images } of vnfcs) {
    expect(images.map((i) => i.role)).toEqual(expect.arrayContaining(['memory', 'disk', 'state']));
  }
  expect(artifacts.map((a) => a.path)).toEqual(
    expect.arrayContaining(['artifacts/run.json', 'artifacts/samples.jsonl', 'artifacts/trace.jsonl']),
  );
  for (const id of ['store-1', 'store-2']) {
    const log = artifacts.find((a) => a.path.startsWith(`artifacts/logs/${id}/`));
    expect(log?.sizeBytes, `the log of ${id}`).toBeGreaterThan(0);
  }
  expect(vnfSnapshot.userDefinedData.purpose).toBe('forensic');
  expect(vnfSnapshot.vnfInstance.instantiatedVnfInfo.vnfcResourceInfo.length).toBeGreaterThan(0);
});

test('the trace carries the step numbers of the report', { tag: ['@vim:embedded'] }, async () => {
  const steps = failed.trace.map((t) => `${t.clause} ${t.step}`);
  expect(steps).toEqual(expect.arrayContaining(['6.5.1 1', '6.5.1 2', '6.4.1 17', '6.4.1 25', '6.5.1 9']));
});

test('run.json is what the fixture returned', async () => {
  const folder = dirname(failed.packages[0]?.file ?? '');
  expect(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(failed)));
});

test('whoever imports the evidence into an empty store sees the bug: two primaries', {
  tag: ['@vim:embedded'],
}, async () => {
  test.setTimeout(120_000);
  const stateFolder = await temporaryFolder('vendor');
  try {
    const service = await readService(join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml'));
    await using vendor = await ServiceSession.open(service, { stateFolder });
    await vendor.start();
    const address = (await vendor.addresses())('lb.public');
    const roles = async () => {
      const status = (await (await fetch(`${address}/status`)).json()) as { stores: Record<string, { role: string }> };
      return Object.values(status.stores).map((s) => s.role);
    };
    expect((await roles()).sort()).toEqual(['primary', 'standby']);
    const evidence = failed.packages.find((p) => p.file.includes('session-store'))?.file ?? '';
    const packages = await vendor.packages();
    const { id } = await packages.import({ from: evidence });
    const { id: snapshotId } = await packages.extract({ packageId: id });
    // They were captured frozen; running, they tell.
    await vendor.engine.revert(snapshotId, { state: 'on' });
    const both = async () => (await roles()).every((r) => r === 'primary');
    await until('both stores say that they are the primary', both, { withinMs: 20_000, everyMs: 200 });
  } finally {
    await rm(stateFolder, { recursive: true, force: true });
  }
});

test('a fault that is refused leaves no run behind', async ({ onlineTest, service }) => {
  await expect(onlineTest({ ...area, faults: [{ kind: 'crash', target: { vnfc: 'store-9' } }] })).rejects.toThrow(
    /VNFC "store-9" is not in the service/,
  );
  expect(service.journal.runs({ open: true })).toEqual([]);
});
