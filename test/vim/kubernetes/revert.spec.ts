import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instanceSnapshot } from '../../../harness/model/snapshot.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { NotificationHub } from '../../../harness/snapshot/notification/hub.js';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { objectsOf } from './cluster-objects.js';
import { ordeal } from './long-call.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 240_000 });

test('a VNF on pods is reverted to a cold snapshot with its volume, on request; the others go on; a warm one is refused before anything is touched', {
  tag: ['@vim:kubernetes', '@UC-4.3.2.1', '@CO-vnfc-snapshot'],
}, async ({ controlPlane, cluster, namespace }) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  const file = join(folder, 'service.yaml');
  // The store's volume is part of its snapshots, and of what is reverted.
  await writeFile(file, (await readFile(file, 'utf8')).replace(', independent: true', ''));
  const told: string[] = [];
  const notification = new NotificationHub();
  notification.subscribe({}, async ({ event, vnfInstanceId }) => void told.push(`${event} ${vnfInstanceId}`));
  const stateFolder = join(folder, 'state');
  await using session = await ServiceSession.open(await readService(file), { stateFolder, notification });
  await session.start();
  const { engine } = session;
  const base = (await session.addresses())('gateway-1.lan');
  const get = async (key: string) =>
    (await fetch(`${base}/sessions/${key}`, { signal: AbortSignal.timeout(2000) })).text();
  const put = (key: string, body: string) => fetch(`${base}/sessions/${key}`, { method: 'PUT', body });

  const warm = await engine.create({ vnf: 'session-store', name: 'warm', purpose: 'manual', type: 'warm' });
  const [info] = warm.vnfcSnapshots;
  expect(info).toMatchObject({
    vnfcInstanceId: 'store-1',
    computeSnapshotResource: { vimConnectionId: 'kubernetes' },
    storageSnapshotResources: [{ storageResourceId: expect.any(String), storageSnapshotResource: expect.any(String) }],
    userDefinedData: { type: 'warm', vnfInstanceId: 'session-store', powerState: 'on' },
  });
  const vim = session.vimOf(session.vnfc('store-1'));
  const record = instanceSnapshot.parse(await vim.snapshots.show(info?.computeSnapshotResource?.resourceId ?? ''));
  expect(record.memory?.bytes).toBeGreaterThan(0);
  expect(record.disks).toEqual([expect.objectContaining({ id: 'data', included: true, bytes: 16 * 2 ** 20 })]);
  expect(record.infrastructure).toMatchObject({ namespace, memoryBytes: 256 * 2 ** 20, vcpus: 1 });
  expect((await vim.snapshots.exportImages(record.id)).map((i) => i.role).sort()).toEqual(['memory', 'state']);

  const cold = await engine.create({ vnf: 'session-store', name: 'good', purpose: 'manual', type: 'cold' });
  await put('user-7', 'lost');
  await put('user-201', 'too many');
  expect(await get('user-7')).toBe('lost');
  const before = await objectsOf(cluster, namespace);
  await expect(engine.revert(warm.id)).rejects.toMatchObject({
    kind: 'capability-missing',
    message: /memory of store-1/,
  });
  expect(await get('user-7'), 'nothing was touched').toBe('lost');
  expect(await objectsOf(cluster, namespace)).toEqual(before);

  const gateways = await Promise.all(['gateway-1', 'gateway-2'].map((id) => session.locate(session.vnfc(id))));
  const { code, said } = await ordeal(['snapshot', 'revert', file, cold.id, '--state', stateFolder], folder);
  expect(code, said).toBe(0);
  await expect.poll(() => get('user-7').catch((e: Error) => e.message), { timeout: 30_000 }).toBe('state-user-7');
  expect(await get('user-201'), 'what was written after the snapshot').toBe('no such session');
  expect(await Promise.all(['gateway-1', 'gateway-2'].map((id) => session.locate(session.vnfc(id))))).toEqual(gateways);
  expect(await vim.inspect(await session.locate(session.vnfc('store-1')))).toMatchObject({ powerState: 'on' });

  await put('user-7', 'lost again');
  await engine.revert(cold.id);
  await expect.poll(() => get('user-7').catch((e: Error) => e.message), { timeout: 30_000 }).toBe('state-user-7');
  expect(told.slice(-2)).toEqual(['reversion-start session-store', 'reversion-end session-store']);
  await engine.delete([warm.id, cold.id]);
});
