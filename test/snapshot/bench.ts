import { rm } from 'node:fs/promises';
import { type LocatedService, networkService } from '../../harness/model/network-service.js';
import type { TraceStep } from '../../harness/model/roles.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState, type State } from '../../harness/store/state.js';
import { temporaryFolder } from '../temporary-folder.js';
import { FakeVim } from './fake-vim.js';

type ServiceInput = Record<string, unknown>;

/** Two VNFs over the fake VIM: web (web-1, web-2) and db (db-1 with an independent disk). */
export function serviceOf(snapshots: { web?: ServiceInput; db?: ServiceInput } = {}): LocatedService {
  const vnfc = (id: string, disks: readonly ServiceInput[] = [{ id: 'root', sizeBytes: 4096 }]) => ({
    id,
    vim: 'fake',
    disks,
  });
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'bench',
    expectedRecoveryMs: 100,
    highAvailability: 'none',
    vims: { fake: {} },
    vnfs: [
      { id: 'web', vnfdId: 'web-vnfd', vnfcs: [vnfc('web-1'), vnfc('web-2')], snapshot: snapshots.web ?? {} },
      {
        id: 'db',
        vnfdId: 'db-vnfd',
        vnfcs: [
          vnfc('db-1', [
            { id: 'root', sizeBytes: 4096 },
            { id: 'journal', sizeBytes: 4096, independent: true },
          ]),
        ],
        snapshot: snapshots.db ?? {},
      },
    ],
    probes: [{ id: 'p', kind: 'tcp', port: 1 }],
  });
  return { file: 'service.yaml', folder: '.', descriptor };
}

/** Everything that a creation may do to a VNFC. */
export const everything = {
  web: {
    vnfcs: {
      'web-1': { type: 'cold', detachDisksBefore: true, attachDisksAfter: true },
      'web-2': { powerOff: 'before', powerOnAfter: true, detachDisksBefore: true, attachDisksAfter: true },
    },
  },
};

export interface Bench extends AsyncDisposable {
  readonly vim: FakeVim;
  readonly state: State;
  readonly trace: TraceStep[];
  readonly warnings: string[];
  readonly service: LocatedService;
  engine(more?: Partial<EngineContext>): SnapshotEngine;
}

/** An engine over the fake VIM, with a state folder of its own. */
export async function openBench(
  snapshots: { web?: ServiceInput; db?: ServiceInput } = {},
  inFolder?: string,
): Promise<Bench> {
  const folder = inFolder ?? (await temporaryFolder('snapshot'));
  const state = await openState(folder);
  const vim = new FakeVim();
  for (const id of ['web-1', 'web-2']) vim.add(id);
  vim.add('db-1', ['root', 'journal']);
  const trace: TraceStep[] = [];
  const warnings: string[] = [];
  const service = serviceOf(snapshots);
  return {
    vim,
    state,
    trace,
    warnings,
    service,
    engine: (more = {}) =>
      new SnapshotEngine({
        service,
        vims: new Map([['fake', vim]]),
        state,
        trace: (step) => trace.push({ ...step, atMs: performance.now() }),
        warn: (text) => warnings.push(text),
        ...more,
      }),
    [Symbol.asyncDispose]: async () => {
      await state[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
