import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PackageManagement, VnfSnapshotPkgInfo } from '../../harness/package/index.js';
import { dirty, memoryImage } from '../store/chunks/images.js';
import { artifact } from './contents.js';
import { type Machine, openMachine } from './package-bench.js';

/** What is done until the process is killed. `collect` makes garbage and collects it. */
export const operations = ['create', 'package', 'import', 'collect'] as const;
export type Operation = (typeof operations)[number];

export const worldOf = (folder: string): string => join(folder, 'world.json');
const exportOf = (folder: string): string => join(folder, 'exported.zip');

/** A line for whoever kills: `begin create`, `made snapshot <id>`, `deleting package <id>`, `end create <ms>`. */
const tell = (...words: readonly unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);

class DyingMachine {
  readonly packages: PackageManagement;

  constructor(readonly machine: Machine) {
    this.packages = machine.packages();
  }

  async run(operation: Operation, n: number): Promise<void> {
    const from = performance.now();
    tell('begin', operation);
    if (operation === 'create') await this.#create(n);
    else if (operation === 'package') await this.#package(n);
    else if (operation === 'import') await this.#import();
    else await this.#collect();
    tell('end', operation, Math.ceil(performance.now() - from));
  }

  /** The disk of web-2 differs a little from one snapshot to the next. */
  async #create(n: number): Promise<void> {
    const disk = this.machine.vim.computes.get('web-2@1')?.disks.get('root');
    const content = memoryImage(192 * 1024, 1);
    dirty(content, 0.1, n);
    if (disk !== undefined) disk.content = content.toString('latin1');
    tell('made', 'snapshot', (await this.machine.snapshot()).id);
  }

  async #package(n: number): Promise<void> {
    const [snapshot] = this.machine.engine.list();
    const artifacts = [artifact('noise.bin', memoryImage(64 * 1024, n))];
    const { id } = await this.packages.create({ vnfSnapshotId: snapshot?.id ?? '', artifacts });
    tell('made', 'package', id);
  }

  async #import(): Promise<void> {
    for (const { id } of await this.#query('(eq,userDefinedData/imported,true)')) await this.#delete(id);
    tell('made', 'package', (await this.packages.import({ from: exportOf(this.machine.folder) })).id);
  }

  /** Of snapshots and packages two stay. */
  async #collect(): Promise<void> {
    for (const { id } of (await this.#query()).slice(2)) await this.#delete(id);
    const old = this.machine.engine.list().slice(2);
    for (const { id } of old) tell('deleting', 'snapshot', id);
    if (old.length > 0) await this.machine.engine.delete(old.map((s) => s.id));
    await (await this.machine.state.chunks()).collectGarbage();
  }

  async #delete(id: string): Promise<void> {
    tell('deleting', 'package', id);
    await this.packages.delete(id);
  }

  async #query(where?: string): Promise<VnfSnapshotPkgInfo[]> {
    return (await this.packages.query(where === undefined ? {} : { filter: { where } })) as VnfSnapshotPkgInfo[];
  }
}

/** Waits for a line `{folder, operation, n}`, so that it may be begun long before it is needed; then works until it is killed. */
async function main(): Promise<void> {
  tell('ready');
  const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string];
  const { folder, operation, n } = JSON.parse(line) as { folder: string; operation: Operation; n: number };
  const machine = await openMachine({}, folder, worldOf(folder));
  const dying = new DyingMachine(machine);
  if (!existsSync(exportOf(folder))) {
    await dying.run('create', n);
    await dying.run('package', n);
    const [{ id } = { id: '' }] = (await machine.packages().query()) as { id: string }[];
    await machine.packages().export({ packageId: id, to: exportOf(folder) });
    await machine.packages().delete(id);
    tell('deleting', 'package', id);
    for (const each of operations) await dying.run(each, n);
  }
  tell('opened');
  for (let i = n; ; i += 1000) await dying.run(operation, i);
}

if (process.argv[1]?.endsWith('dying-machine.js')) await main();
