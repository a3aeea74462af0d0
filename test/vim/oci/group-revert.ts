import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { SnapshotEngine } from '../../../harness/snapshot/engine.js';
import { NotificationHub } from '../../../harness/snapshot/notification/hub.js';
import { openState } from '../../../harness/store/state.js';
import { until } from '../../../harness/util/deadline.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { containerSample } from './container-sample.js';

/** ORDEAL_GROUP_REVERTS=100 is the long form. */
export const revertsOr = (few: number): number => Number(process.env.ORDEAL_GROUP_REVERTS ?? few);
const skewMs = 20;

const store = '10.78.0.11:8080';
const roles = {
  subject: { ROLE: 'store' },
  peer: { ROLE: 'worker', STORE: store },
  'worker-2': { ROLE: 'worker', STORE: store },
  lb: { ROLE: 'lb', WORKERS: '10.78.0.12:8080,10.78.0.13:8080' },
};

/**
 * Four containers with TCP between them, captured as one cut and reverted together again and again. Fails when memory or disk
 * is not as it was, or when a connection was made anew.
 */
export async function revertGroup(host: ContainerHost, reverts: number): Promise<void> {
  test.setTimeout(120_000 + reverts * 15_000);
  await using s = await containerSample(host, { names: Object.keys(roles), environment: roles });
  const stateFolder = await temporaryFolder('group');
  const state = await openState(stateFolder);
  try {
    const told: string[] = [];
    const notification = new NotificationHub();
    notification.subscribe({}, async ({ event }) => void told.push(event));
    const vims = new Map([[host.kind, s.vim]]);
    const engine = new SnapshotEngine({ service: s.service, vims, state, notification });
    // Each request goes through three connections that are kept: lb to worker, worker to store.
    const put = (key: string, value: string) => s.ask('lb', `/sessions/${key}`, value);
    const connects = () => Promise.all(['lb', 'peer', 'worker-2'].map((name) => s.ask(name, '/connects')));
    for (const i of [1, 2, 3, 4]) await put(`user-${i}`, 'then');
    await s.writeDisk('then');
    const before = await connects();
    expect(before).toEqual(['2', '1', '1']);

    const cut = await engine.create({ vnf: 'containers', name: 'group', purpose: 'manual', type: 'warm' });
    expect(cut.userDefinedData.cut).toMatchObject({ consistent: true });
    console.log(`skew of the cut over four: ${cut.userDefinedData.cut?.skewMs.toFixed(2)} ms`);
    expect(cut.userDefinedData.cut?.skewMs).toBeLessThanOrEqual(skewMs);

    const took: number[] = [];
    for (let i = 0; i < reverts; i++) {
      for (const key of ['user-1', 'user-2']) await put(key, `later ${i}`);
      await s.writeDisk('later');
      const from = performance.now();
      await engine.revert(cut.id);
      took.push(performance.now() - from);
      expect(await s.readDisk(5), `revert ${i}: the file is as it was`).toBe('then');
      const [session] = await until(
        'the service answers',
        () => Promise.all(['user-1', 'user-2'].map((key) => s.get('lb', `/sessions/${key}`))).catch(() => undefined),
        { withinMs: 10_000 },
      );
      expect(session, `revert ${i}: the memory is as it was`).toBe('then');
      expect(await connects(), `revert ${i}: no connection was made anew`).toEqual(before);
    }
    const reverted = Array.from({ length: reverts }, () => ['reversion-start', 'reversion-end']);
    expect(told, 'the VNF hears of each').toEqual(['creation-start', 'creation-end', ...reverted.flat()]);
    console.log(`a revert of four: ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  } finally {
    await state[Symbol.asyncDispose]();
    await rm(stateFolder, { recursive: true, force: true });
  }
}
