import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type LocatedService, networkService } from '../../harness/model/network-service.js';
import type { TraceStep } from '../../harness/model/roles.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { NotificationHub } from '../../harness/snapshot/notification/hub.js';
import { openState } from '../../harness/store/state.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { readValidated } from '../../harness/util/validate.js';
import { openVim } from '../../harness/vim/registry.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The session gateway on the embedded VIM, with an engine; it ends by itself, whatever becomes of the test. */
async function sessionGateway() {
  const stateFolder = await temporaryFolder('gateway');
  const folder = join(packageRoot, 'scenarios', 'session-gateway');
  const file = join(folder, 'service.yaml');
  const descriptor = await readValidated(file, networkService);
  const service: LocatedService = { file, folder, descriptor };
  const vim = await openVim('embedded', { service, stateFolder, options: { maxLifetimeMs: 120_000 } });
  const state = await openState(stateFolder);
  await vim.instantiation?.instantiate(service);
  const lb = await vim.inspect(await vim.locate('lb'));
  const base = lb.connectionPoints.find((cp) => cp.id === 'public')!.address;
  const http = (method: string, path: string, body?: string) =>
    fetch(`${base}${path}`, { method, ...(body === undefined ? {} : { body }), signal: AbortSignal.timeout(5000) });
  const isHealthy = () =>
    http('GET', '/health').then(
      (r) => r.ok,
      () => false,
    );
  await until('the service answers', isHealthy, { withinMs: 10_000 });
  const trace: TraceStep[] = [];
  return {
    vim,
    state,
    service,
    trace,
    http,
    isHealthy,
    session: async (id: string) => {
      const response = await http('GET', `/sessions/${id}`);
      return response.ok ? response.text() : response.status;
    },
    powerStates: async () => {
      const states = [];
      for (const { id } of descriptor.vnfs.flatMap((v) => v.vnfcs)) {
        states.push((await vim.inspect(await vim.locate(id))).powerState);
      }
      return states;
    },
    engine: (more: Partial<EngineContext> = {}) =>
      new SnapshotEngine({
        service,
        vims: new Map([['embedded', vim]]),
        state,
        trace: (step) => trace.push({ ...step, atMs: performance.now() }),
        ...more,
      }),
    [Symbol.asyncDispose]: async () => {
      await vim.instantiation?.terminate();
      await vim[Symbol.asyncDispose]();
      await state[Symbol.asyncDispose]();
      await rm(stateFolder, { recursive: true, force: true });
    },
  };
}
const allOn = ['on', 'on', 'on', 'on', 'on'];

test('sessions that live in memory alone come back with a warm VNF Snapshot of the session gateway, over both its VNFs', {
  tag: [
    '@vim:embedded',
    '@PR-6.5.1',
    '@PR-6.5.2',
    '@PR-6.4.1',
    '@PR-6.4.3',
    '@CO-vnfc-snapshot',
    '@CO-vnf-snapshot',
    '@CO-consistent',
    '@Vnfm.001',
    '@Vnfm.002',
    '@Vnfm.003',
    '@Vnfm.004',
    '@Vnfm.008',
    '@Vnfsd.017',
    '@Vnfsd.018',
  ],
}, async () => {
  await using it = await sessionGateway();
  for (let n = 1; n <= 20; n++) await it.http('PUT', `/sessions/user-${n}`, `state-${n}`);
  await it.http('POST', '/sessions/user-1/hits');
  const told: string[] = [];
  const notification = new NotificationHub();
  notification.subscribe({}, async ({ event, vnfInstanceId }) => void told.push(`${event} ${vnfInstanceId}`));
  const engine = it.engine({ notification });

  const from = performance.now();
  const snapshots = await engine.createTogether(
    ['gateway', 'session-store'].map((vnf) => ({ vnf, name: 'good', purpose: 'manual' as const })),
  );
  const cut = snapshots[0]!.userDefinedData.cut!;
  console.log(
    `created in ${(performance.now() - from).toFixed(0)} ms; cut over 5 VNFCs: skew ${cut.skewMs.toFixed(2)} ms, paused ${cut.pausedMs.toFixed(1)} ms`,
  );
  expect(cut.consistent).toBe(true);
  expect(cut.skewMs).toBeLessThan(1000);
  expect(snapshots.flatMap((s) => s.vnfcSnapshots.map((v) => v.userDefinedData.powerState))).toEqual(allOn);
  expect(snapshots[1]!.vnfcSnapshots[0]).toMatchObject({
    vnfcInstanceId: 'store-2',
    computeSnapshotResource: { vimConnectionId: 'embedded' },
    storageSnapshotResources: [{ storageResourceId: 'store-2/data' }],
    userDefinedData: { type: 'warm', vnfInstanceId: 'session-store', location: expect.any(String) },
  });
  expect(snapshots[0]!.vnfInstance.instantiatedVnfInfo.vnfVirtualLinkResourceInfo.map((l) => l.id)).toContain('front');
  expect(await it.powerStates()).toEqual(allOn);
  expect(await it.session('user-7')).toBe('state-7');

  for (let n = 1; n <= 10; n++) await it.http('DELETE', `/sessions/user-${n}`);
  await it.http('PUT', '/sessions/user-11', 'spoilt');
  expect(await it.session('user-7')).toBe(404);
  for (const { id } of snapshots) await engine.revert(id);
  expect(await it.powerStates()).toEqual(allOn);
  await until('the service answers', it.isHealthy, { withinMs: 5000 });
  for (let n = 1; n <= 20; n++) expect(await it.session(`user-${n}`)).toBe(`state-${n}`);
  expect(await (await it.http('POST', '/sessions/user-1/hits')).text()).toBe('2');
  expect(told).toEqual([
    ...['creation-start gateway', 'creation-start session-store', 'creation-end gateway', 'creation-end session-store'],
    ...[
      'reversion-start gateway',
      'reversion-end gateway',
      'reversion-start session-store',
      'reversion-end session-store',
    ],
  ]);
  await engine.delete(snapshots.map((s) => s.id));
  expect(await it.vim.snapshots.list()).toEqual([]);
});

test('every optional step works on the embedded VIM, direct and indirect', {
  tag: [
    '@vim:embedded',
    '@PR-6.4.1',
    '@PR-6.4.2',
    '@PR-6.4.3',
    '@PR-6.4.4',
    '@Vnfsd.009',
    '@Vnfsd.010',
    '@Vnfsd.011',
    '@Vnfsd.012',
    '@Nfvi.004',
    '@Nfvi.005',
    '@Nfvi.006',
    '@ViVnfm-Vcrm.001',
    '@ViVnfm-Vcrm.002',
    '@ViVnfm-Vcrm.003',
    '@ViVnfm-Vcrm.004',
    '@ViVnfm-Vcrm.005',
    '@ViVnfm-Vsrm.001',
    '@OrVi-Vcrm',
    '@OrVi-Vsrm.001',
    '@GAP-3',
  ],
}, async () => {
  await using it = await sessionGateway();
  await it.http('PUT', '/sessions/kept', 'on disk');
  const disks = { type: 'cold', detachDisksBefore: true, attachDisksAfter: true } as const;
  for (const mode of ['direct', 'indirect'] as const) {
    const engine = it.engine({ mode });
    const { id, vnfcSnapshots } = await engine.create({
      vnf: 'session-store',
      name: mode,
      purpose: 'manual',
      vnfcs: { 'store-1': disks, 'store-2': { ...disks, powerOff: 'before', powerOnAfter: true } },
    });
    expect(vnfcSnapshots.map((v) => v.userDefinedData.type)).toEqual(['cold', 'cold']);
    for (const v of vnfcSnapshots) expect(v.storageSnapshotResources[0]?.storageSnapshotResource).toBeDefined();
    expect(await it.powerStates()).toEqual(allOn);
    await engine.revert(id, { stopFirst: true, detachDisks: true });
    expect(await it.powerStates()).toEqual(allOn);
    const skipped = it.trace.filter((s) => s.outcome !== 'done').map((s) => `${s.clause} ${s.step} ${s.subject}`);
    const [create, revert] = mode === 'direct' ? ['6.4.1', '6.4.3'] : ['6.4.2', '6.4.4'];
    for (const vnfc of ['store-1', 'store-2']) {
      const numbers = it.trace.filter((s) => s.subject === vnfc && s.outcome === 'done');
      expect(numbers.some((s) => s.clause === create) && numbers.some((s) => s.clause === revert), vnfc).toBe(true);
    }
    expect(skipped.filter((s) => s.endsWith('store-1') && s.startsWith(revert!))).toEqual([`${revert} 3 store-1`]);
    it.trace.length = 0;
  }
  await until('the session is back from disk', async () => (await it.session('kept')) === 'on disk', {
    withinMs: 10_000,
  });
});

test('a VNFC that has crashed is captured as it crashed, and a reversion brings it back to work', {
  tag: ['@vim:embedded', '@CO-power-states', '@UC-4.3.2.1'],
}, async () => {
  await using it = await sessionGateway();
  await it.http('PUT', '/sessions/a', 'before');
  const engine = it.engine();
  const good = await engine.create({ vnf: 'session-store', name: 'good', purpose: 'lifecycle' });
  for (const resource of ['store-1', 'store-2']) await it.vim.stop(await it.vim.locate(resource));
  const off = await engine.create({ vnf: 'session-store', name: 'off', purpose: 'manual' });
  expect(off.vnfcSnapshots.map((v) => [v.userDefinedData.powerState, v.userDefinedData.type])).toEqual([
    ['off', 'cold'],
    ['off', 'cold'],
  ]);
  expect(off.vnfInstance.instantiatedVnfInfo.vnfState).toBe('STOPPED');
  await engine.revert(good.id);
  expect(await it.powerStates()).toEqual(allOn);
  await until('the session is back', async () => (await it.session('a')) === 'before', { withinMs: 5000 });
  await sleep(0);
});
