import { rm } from 'node:fs/promises';
import type { TraceStep } from '../../harness/model/roles.js';
import { snapshotDescriptor } from '../../harness/model/snapshot-descriptor.js';
import { PackageManagement } from '../../harness/package/index.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState, type State } from '../../harness/store/state.js';
import { memoryFolder } from '../memory-folder.js';
import type { EmbeddedWorld, VnfId } from './embedded-world.js';

export type SnapshotDescriptors = Partial<Record<VnfId, Record<string, unknown>>>;

export interface EmbeddedMachine extends AsyncDisposable {
  readonly folder: string;
  readonly state: State;
  readonly engine: SnapshotEngine;
  readonly packages: PackageManagement;
  readonly trace: TraceStep[];
  readonly warnings: string[];
  /** What the VIM stores of VNFCs. */
  stored(): Promise<number>;
}

/** An engine with a repository of its own over a world that goes on; what it stored there goes with it. */
export async function embeddedMachine(
  world: EmbeddedWorld,
  snapshots: SnapshotDescriptors = {},
  more: Partial<EngineContext> = {},
): Promise<EmbeddedMachine> {
  const folder = await memoryFolder('machine');
  const state = await openState(folder);
  const { descriptor } = world.service;
  const described = descriptor.vnfs.map((vnf) => ({
    ...vnf,
    snapshot: snapshotDescriptor.parse(snapshots[vnf.id as VnfId] ?? {}),
  }));
  const trace: TraceStep[] = [];
  const warnings: string[] = [];
  const context: EngineContext = {
    service: { ...world.service, descriptor: { ...descriptor, vnfs: described } },
    vims: new Map([['embedded', world.vim]]),
    state,
    trace: (step) => trace.push({ ...step, atMs: performance.now() }),
    warn: (text) => warnings.push(text),
    ...more,
  };
  const list = () => world.vim.snapshots.list();
  return {
    folder,
    state,
    engine: new SnapshotEngine(context),
    packages: new PackageManagement(context),
    trace,
    warnings,
    stored: async () => (await list()).length,
    [Symbol.asyncDispose]: async () => {
      await world.vim.snapshots.delete((await list()).map((s) => s.id));
      await state[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
