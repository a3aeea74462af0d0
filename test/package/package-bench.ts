import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { GrantRequest, TraceStep } from '../../harness/model/roles.js';
import type { InstanceSnapshot, VnfSnapshot } from '../../harness/model/snapshot.js';
import type { SnapshotImage } from '../../harness/model/vim.js';
import { PackageManagement, type PackageManagementOptions } from '../../harness/package/index.js';
import { Shelf } from '../../harness/package/shelf.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState, type State } from '../../harness/store/state.js';
import { OrdealError } from '../../harness/util/errors.js';
import { serviceOf } from '../snapshot/bench.js';
import { FakeVim } from '../snapshot/fake-vim.js';
import { temporaryFolder } from '../temporary-folder.js';

type ServiceInput = Record<string, unknown>;

/** One machine: a VIM, a state folder, the engine and the package management over them. */
export interface Machine extends AsyncDisposable {
  readonly folder: string;
  readonly vim: FakeVim;
  readonly state: State;
  readonly trace: TraceStep[];
  readonly engine: SnapshotEngine;
  packages(more?: Partial<EngineContext>, options?: PackageManagementOptions): PackageManagement;
  snapshot(): Promise<VnfSnapshot>;
}

/**
 * @param at a folder that stays, instead of one that goes with the machine
 * @param world a file that keeps what the VIM holds, so that another process can go on with it
 */
export async function openMachine(web: ServiceInput = {}, at?: string, world?: string): Promise<Machine> {
  const folder = at ?? (await temporaryFolder('machine'));
  const state = await openState(join(folder, 'state'));
  const isKept = world !== undefined && existsSync(world);
  const vim = isKept ? FakeVim.load(world) : new FakeVim();
  vim.saveTo = world;
  for (const id of isKept ? [] : ['web-1', 'web-2']) vim.add(id);
  if (!isKept) vim.add('db-1', ['root', 'journal']);
  withImages(vim);
  const trace: TraceStep[] = [];
  const context: EngineContext = {
    service: serviceOf({ web }),
    vims: new Map([['fake', vim]]),
    state,
    trace: (step) => trace.push({ ...step, atMs: performance.now() }),
  };
  const engine = new SnapshotEngine(context);
  return {
    folder,
    vim,
    state,
    trace,
    engine,
    packages: (more = {}, options = {}) => new PackageManagement({ ...context, ...more }, options),
    snapshot: () => engine.create({ vnf: 'web', name: 'before', purpose: 'manual' }),
    [Symbol.asyncDispose]: async () => {
      await state[Symbol.asyncDispose]();
      if (at === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Images of the fake VIM: memory as JSON, a file for every disk; an import is listed once all of them are read. */
function withImages(vim: FakeVim): void {
  const image = (name: string, role: SnapshotImage['role'], text: string): SnapshotImage => ({
    name,
    role,
    sizeBytes: Buffer.byteLength(text),
    open: async () => Readable.from([Buffer.from(text)]),
  });
  Object.assign(vim.snapshots, {
    exportImages: async (id: string) => {
      const stored = vim.stored.get(id);
      if (stored === undefined) throw new OrdealError('snapshot-missing', `No instance snapshot "${id}"`);
      vim.calls.push(`export ${stored.record.resource}`);
      return [
        image('memory.json', 'memory', JSON.stringify(stored.memory)),
        ...[...stored.disks].map(([disk, content]) => image(`disk-${disk}.raw`, 'disk', content)),
      ];
    },
    importImages: async (record: InstanceSnapshot, images: readonly SnapshotImage[]) => {
      vim.calls.push(`import ${record.resource}`);
      let memory: Record<string, unknown> = {};
      const disks = new Map<string, string>();
      for (const it of images) {
        const chunks: Buffer[] = [];
        for await (const chunk of await it.open()) chunks.push(Buffer.from(chunk));
        const text = Buffer.concat(chunks).toString();
        if (it.role === 'memory') memory = JSON.parse(text) as Record<string, unknown>;
        else disks.set(it.name.replace(/^disk-(.*)\.raw$/, '$1'), text);
      }
      const imported = { ...record, id: `imported-${vim.stored.size + 1}`, location: 'fake:imported' };
      vim.stored.set(imported.id, { record: imported, memory, disks });
      return imported;
    },
  });
}

/** `6.7.1 3 VNFM>NFVO done` of every step, in order. */
export const told = (trace: readonly TraceStep[], clause: string): string[] =>
  trace.filter((s) => s.clause === clause).map((s) => `${s.step} ${s.from}>${s.to} ${s.outcome}`);

/** An NFVO that grants everything and is remembered for what it was asked. */
export const granting = (requests: GrantRequest[]) => ({
  grant: { request: async (request: GrantRequest) => void requests.push(request) },
});

export const packageFolder = (machine: Machine): string => join(machine.folder, 'state', 'packages');

/** The packages whose content is there, and what else lies where packages come in. */
export async function contentsOf(machine: Machine): Promise<string[]> {
  const files = existsSync(packageFolder(machine)) ? await readdir(packageFolder(machine)) : [];
  return [...(await new Shelf(() => machine.state.chunks()).packageIds()), ...files];
}

/** Exported from one machine to a file. */
export async function exported(machine: Machine): Promise<{ file: string; id: string; snapshotId: string }> {
  const snapshot = await machine.snapshot();
  const { id } = await machine.packages().create({ vnfSnapshotId: snapshot.id });
  const file = join(machine.folder, 'out.zip');
  await machine.packages().export({ packageId: id, to: file });
  return { file, id, snapshotId: snapshot.id };
}
