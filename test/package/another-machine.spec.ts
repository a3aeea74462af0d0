import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { PackageManagement, showPackage, verifyPackage } from '../../harness/package/index.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState } from '../../harness/store/state.js';
import { until } from '../../harness/util/deadline.js';
import { type RunningService, startService } from '../scenarios/gateway-on-vim.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A running sample service with an engine and packages over it, in folders of its own. */
async function openMachine() {
  const running: RunningService = await startService('session-gateway');
  const folder = await temporaryFolder('machine');
  const state = await openState(folder);
  const context: EngineContext = { service: running.service, vims: new Map([['embedded', running.vim]]), state };
  const session = async (key: string): Promise<string> => {
    const response = await fetch(`${running.resolve('lb.public')}/sessions/${key}`);
    return response.ok ? response.text() : `status ${response.status}`;
  };
  const setSession = (key: string, body: string) =>
    fetch(`${running.resolve('lb.public')}/sessions/${key}`, { method: 'PUT', body });
  return {
    session,
    setSession,
    engine: new SnapshotEngine(context),
    packages: new PackageManagement(context),
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      await state[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test('a VNF starts on another machine, with an empty store, from a package made here', {
  tag: [
    ...['@vim:embedded', '@PR-6.7.1', '@PR-6.7.2', '@PR-6.7.3', '@PR-6.7.4', '@PR-6.6.1', '@PR-6.6.3'],
    ...['@OP-export.image-files', '@OP-import.image-files', '@Vnfm.005', '@Vim.003', '@Nfvi.003', '@CO-vnf-snapshot'],
  ],
}, async () => {
  const folder = await temporaryFolder('transit');
  const file = join(folder, 'session-store.zip');
  try {
    {
      await using here = await openMachine();
      expect((await here.setSession('user-1', 'as it was here')).ok).toBe(true);
      const request = { vnf: 'session-store', name: 'to travel', purpose: 'manual', type: 'warm' } as const;
      const snapshot = await here.engine.create(request);
      const { id } = await here.packages.create({ vnfSnapshotId: snapshot.id });
      await here.packages.export({ packageId: id, to: file });
    }
    await verifyPackage(file);
    const summary = await showPackage(file);
    expect(summary.vnfd?.sizeBytes).toBeGreaterThan(0);
    expect(summary.vnfcs.map((v) => [v.id, v.type]).sort()).toEqual([
      ['store-1', 'warm'],
      ['store-2', 'warm'],
    ]);
    expect(summary.vnfcs.every((v) => v.images.some((i) => i.role === 'memory' && i.sizeBytes > 65_536))).toBe(true);

    await using there = await openMachine();
    expect(await there.session('user-1')).toBe('state-user-1');
    const imported = await there.packages.import({ from: file });
    const extracted = await there.packages.extract({ packageId: imported.id });
    await there.engine.revert(extracted.id);
    const served = async () => (await there.session('user-1')) === 'as it was here';
    await until('the session of the other machine', served, { withinMs: 5000, everyMs: 100 });
    expect(await there.session('user-4999')).toBe('state-user-4999');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
