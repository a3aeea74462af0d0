import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunRecord } from '../../harness/model/run-record.js';
import { sweepPopulation } from '../../harness/online-test/sweep.js';
import { showPackage, verifyPackage } from '../../harness/package/index.js';
import { expect, test } from '../../scenarios/fixtures.js';

const area = { around: ['gateway', 'session-store'], baselineMs: 3000 };

test.describe.configure({ mode: 'serial' });

test('a service that recovers by itself is not touched again', { tag: ['@UC-4.1.1.5', '@vim:embedded'] }, async ({
  onlineTest,
  service,
}) => {
  const run = await onlineTest({ ...area, faults: [{ kind: 'crash', target: { vnfc: 'worker-1' } }] });
  expect(run.errors).toEqual([]);
  expect(run.verdicts).toEqual({
    service: 'recovered',
    injection: 'confirmed',
    restoration: 'not-needed',
    evidence: 'not-needed',
  });
  expect(run.exitCode).toBe(0);
  expect(run.recovery).toBe('within');
  expect(service.journal.runs({ open: true })).toEqual([]);
});

let failed: RunRecord;

test('a service that does not recover is restored, and its sessions are those of the snapshot', {
  tag: ['@UC-4.1.1.7', '@UC-4.1.1.P', '@vim:embedded'],
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
    expect(await vim.replacement?.ownedBy(failed.id)).toEqual(expect.arrayContaining([]));
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

test('a fault that is refused leaves no run behind', async ({ onlineTest, service }) => {
  await expect(onlineTest({ ...area, faults: [{ kind: 'crash', target: { vnfc: 'store-9' } }] })).rejects.toThrow(
    /VNFC "store-9" is not in the service/,
  );
  expect(service.journal.runs({ open: true })).toEqual([]);
});
