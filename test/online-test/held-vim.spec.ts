import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import Database from 'libsql';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';
import { gone } from './dead-runs.js';

test('a process that wakes up after its run was taken over strikes nothing any more, and may still give back', async () => {
  const service = await readService(join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml'));
  await using session = await ServiceSession.open(service, { stateFolder: await temporaryFolder('held') });
  await session.start();
  const id = 'run-1';
  const { journal } = session;
  const { file: serviceFile, descriptor } = service;
  const run = { serviceFile, serviceId: descriptor.id, outFolder: '', leaseMs: 500, pid: process.pid };
  journal.begin({ ...run, id, startedAt: new Date().toISOString() });
  const held = session.heldFor(id);
  const vim = session.vims.get('embedded')!;
  const [stage] = held.vims.values();
  const lb = await held.locate(session.vnfc('lb'));
  const before = await held.engine.create({ vnf: 'gateway', name: 'before', purpose: 'restore' });
  const snapshotId = before.vnfcSnapshots[0]!.computeSnapshotResource!.resourceId;
  const frozen = journal.intend(id, { type: 'freeze', vim: 'embedded', resource: 'lb', computeId: lb });
  await stage!.pausing!.pause(lb);

  // As it is for a process that stood still meanwhile: the other one has taken over.
  const db = new Database(journal.file);
  db.prepare('update run set pid = ?, beats = beats + 1 where id = ?').run(gone, id);
  db.close();

  const injection = {
    ...{ id: 'fault-1', runId: id, kind: 'crash', vim: 'embedded', target: { vnfc: 'worker-1' }, params: {} },
    ...{ seed: 1, expiresAfterMs: 10_000 },
  };
  const pairs = [{ resource: 'lb', to: lb }];
  const strikes: Record<string, () => Promise<unknown>> = {
    'a snapshot': () => held.engine.create({ vnf: 'session-store', name: 'late', purpose: 'restore' }),
    'a capture': () => stage!.snapshots.capture(lb, { name: 'late', type: 'warm' }),
    'a reversion': () => stage!.snapshots.revert(lb, snapshotId),
    'a pause': () => stage!.pausing!.pause(lb),
    'a stop': () => stage!.stop(lb),
    'a quarantine': () => stage!.replacement!.quarantine(lb, id),
    'a new one': () => stage!.replacement!.restoreAsNew(snapshotId, id),
    'a switch-over': () => stage!.replacement!.switchOver(pairs, id),
    'a fault': () => stage!.faults!.inject(injection),
  };
  for (const [what, strike] of Object.entries(strikes)) {
    await expect(strike(), what).rejects.toMatchObject({ kind: 'lease-lost' });
  }
  expect(held.engine.list().map((s) => s.id)).toEqual([before.id]);
  expect(await vim.replacement!.ownedBy(id)).toEqual([]);
  expect(await vim.faults!.active()).toEqual([]);

  expect(await vim.inspect(lb)).toMatchObject({ powerState: 'suspended' });
  await stage!.pausing!.resume(lb);
  journal.settle(frozen);
  for (const vnfc of descriptor.vnfs.flatMap((v) => v.vnfcs)) {
    expect(await vim.inspect(await held.locate(vnfc)), vnfc.id).toMatchObject({ powerState: 'on', quarantined: false });
  }
});
