import { deepStrictEqual as equal, ok } from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { VnfSnapshotPkgInfo } from '../../harness/package/index.js';
import type { Command } from './embedded-commands.js';
import { booted, type Content, type EmbeddedWorld, type VnfId, vnfcs, vnfs } from './embedded-world.js';
import { Life, type Trouble, toldToFail } from './life.js';
import { type Operation, perform } from './operation.js';
import type { Victims } from './victim.js';

/** What a VNF Snapshot, or a package of one, holds. */
interface Held {
  readonly vnf: VnfId;
  readonly type: 'cold' | 'warm';
  readonly contents: Readonly<Record<string, Content>>;
}
type World = Readonly<Record<string, Content>>;

/** More than this, and a sequence is long without being more telling. */
const most = 5;

/** Runs one sequence on the real thing and on plain maps of what should be, and compares them after each command. */
export class EmbeddedModel implements AsyncDisposable {
  readonly snapshots = new Map<string, Held & { readonly name: string }>();
  readonly packages = new Map<string, Held & { readonly sha256: string }>();
  readonly files: (Held & { readonly file: string; readonly sha256: string })[] = [];
  readonly lives: Life[] = [];
  deaths = 0;
  kills = 0;
  hostKills = 0;
  failures = 0;
  #count = 0;

  private constructor(
    readonly world: EmbeddedWorld,
    readonly mode: 'direct' | 'indirect',
    readonly folder: string,
    public now: World,
    readonly victims: Victims | undefined,
  ) {}

  /** @param victims processes that do what one is to die of; absent: this one plays dead */
  static async begin(
    world: EmbeddedWorld,
    mode: 'direct' | 'indirect',
    folder: string,
    victims?: Victims,
  ): Promise<EmbeddedModel> {
    const model = new EmbeddedModel(world, mode, folder, await contentsOf(world), victims);
    await model.#live();
    return model;
  }

  get #folders() {
    return { vim: join(this.world.folder, 'vim'), state: this.folder };
  }

  async #live(): Promise<void> {
    this.lives.push(await Life.begin(this.world.service, this.#folders, this.mode));
  }

  get life(): Life {
    const life = this.lives.at(-1);
    if (life === undefined) throw new Error('nobody lives');
    return life;
  }

  async run(it: Command): Promise<void> {
    switch (it.do) {
      case 'work': {
        const vnfc = vnfcs[it.vnfc] ?? 'web-1';
        await this.world.work(vnfc, it.value);
        this.now = { ...this.now, [vnfc]: await this.world.content(vnfc) };
        return;
      }
      case 'reopen':
        return this.#live();
      case 'create':
        if (this.snapshots.size < most) await this.#create(it);
        break;
      default:
        await this.#onOne(it);
    }
    await this.#compare();
  }

  /** Tries it; after a death another life recovers, and finds nothing left to recover. */
  async #try(
    trouble: Trouble | undefined,
    operation: Operation,
  ): Promise<{ done: number | undefined } | 'undone' | 'died'> {
    const isReal = trouble !== undefined && trouble.how !== 'fails' && this.victims !== undefined;
    const outcome = isReal
      ? await this.#send(trouble, operation)
      : await this.life.try(trouble, (it) => perform(it, operation));
    if (outcome === 'died') {
      this.deaths++;
      if (!isReal) {
        await this.life.vim[Symbol.asyncDispose]();
        await this.#live();
        this.life.othersAreDead();
      }
      await this.life.engine.recover();
      await this.life.packages.recover();
      equal(await this.life.engine.recover(), []);
      return 'died';
    }
    if ('done' in outcome) return outcome;
    if (trouble === undefined) throw outcome.failed;
    const reason = String(outcome.failed);
    ok(reason.includes(toldToFail) && !reason.includes('not everything'), reason);
    this.failures++;
    return 'undone';
  }

  /** Another process does it, and is killed meanwhile, or the host of the VNFCs is. */
  async #send(trouble: Trouble, operation: Operation) {
    const errand = { service: this.world.service, folders: this.#folders, mode: this.mode, operation, trouble };
    const outcome = await this.victims?.send(errand, () => this.world.killHost());
    if (outcome === undefined) throw new Error('nobody to send');
    if (!(await this.world.isHostGone())) {
      if (outcome === 'died') this.kills++;
      return outcome;
    }
    this.hostKills++;
    await this.world.boot();
    // The connections of the life before are closed.
    await this.#live();
    this.now = await contentsOf(this.world);
    for (const content of Object.values(this.now)) equal(content[0], booted);
    return 'died';
  }

  async #create({ vnfs: wanted, type, trouble }: Extract<Command, { do: 'create' }>): Promise<void> {
    const requests = wanted.map((vnf) => ({ vnf, name: 'n', purpose: 'manual' as const, type }));
    const { now } = this;
    const made = await this.#try(trouble, { do: 'create', requests });
    const known = new Set(this.snapshots.keys());
    const found = this.life.engine.list().filter((s) => !known.has(s.id));
    // All or none; what failed made none.
    isOneOf(found.length, made === 'undone' ? [0] : made === 'died' ? [0, wanted.length] : [wanted.length]);
    for (const { id, vnfInstanceId } of found) {
      const vnf = vnfInstanceId as VnfId;
      const contents = Object.fromEntries(vnfs[vnf].map((c) => [c, now[c] as Content]));
      this.snapshots.set(id, { vnf, type, contents, name: 'n' });
    }
  }

  async #onOne(it: Exclude<Command, { do: 'work' | 'create' | 'reopen' }>): Promise<void> {
    const pick = <T>(all: readonly T[]): T | undefined => all[it.which % Math.max(1, all.length)];
    const snapshot = pick([...this.snapshots]);
    const pack = pick([...this.packages]);
    switch (it.do) {
      case 'revert':
        return snapshot && this.#revert(it, ...snapshot);
      case 'delete':
        return snapshot && this.#delete(it, snapshot[0]);
      case 'rename':
        return snapshot && this.#rename(it, ...snapshot);
      case 'package':
        return snapshot && this.packages.size < most ? this.#package(it, ...snapshot) : undefined;
      case 'export':
        return pack && this.#export(it, ...pack);
      case 'extract':
        return pack && this.snapshots.size < most ? this.#extract(it, ...pack) : undefined;
      case 'unpackage':
        return pack && this.#unpackage(it, pack[0]);
      case 'import': {
        const file = pick(this.files);
        return file && this.packages.size < most ? this.#import(it, file) : undefined;
      }
    }
  }

  async #revert({ trouble, stops }: Extract<Command, { do: 'revert' }>, id: string, held: Held): Promise<void> {
    const options = stops ? { stopFirst: true, detachDisks: true } : {};
    const outcome = await this.#try(trouble, { do: 'revert', id, options });
    const there = Object.entries(held.contents).map(([vnfc, [memory, disk]]) => [
      vnfc,
      [held.type === 'warm' ? memory : booted, disk],
    ]);
    const reverted: World = { ...this.now, ...Object.fromEntries(there) };
    const is = await contentsOf(this.world);
    // All of it or nothing, never of two times.
    if (outcome === 'died') isOneOf(is, [this.now, reverted]);
    else equal(is, outcome === 'undone' ? this.now : reverted);
    this.now = is;
  }

  async #delete({ trouble, consolidate }: Extract<Command, { do: 'delete' }>, id: string): Promise<void> {
    const outcome = await this.#try(trouble, { do: 'delete', id, consolidate });
    // One that was begun is finished: by the same process when it is asked again, or by the next.
    if (outcome === 'undone' && !this.#listed().includes(id)) await this.life.engine.recover();
    const isThere = this.#listed().includes(id);
    if (outcome !== 'undone' && outcome !== 'died') equal(isThere, false);
    if (!isThere) this.snapshots.delete(id);
  }

  #listed(): string[] {
    return this.life.engine.list().map((s) => s.id);
  }

  async #rename({ trouble, name }: Extract<Command, { do: 'rename' }>, id: string, held: Held): Promise<void> {
    const dies = trouble?.how === 'fails' ? undefined : trouble;
    const outcome = await this.#try(dies, { do: 'rename', id, name });
    const is = this.life.engine.show(id).userDefinedData.name;
    if (outcome !== 'died') equal(is, name);
    this.snapshots.set(id, { ...held, name: is });
  }

  async #package({ trouble }: Extract<Command, { do: 'package' }>, id: string, { vnf, type, contents }: Held) {
    const made = await this.#try(trouble, { do: 'package', vnfSnapshotId: id });
    const found = (await this.#available()).filter((p) => !this.packages.has(p.id));
    isOneOf(found.length, made === 'undone' ? [0] : made === 'died' ? [0, 1] : [1]);
    for (const p of found) this.packages.set(p.id, { vnf, type, contents, sha256: p.checksum?.hash ?? '' });
  }

  async #export({ trouble }: Extract<Command, { do: 'export' }>, id: string, held: Held & { sha256: string }) {
    const file = join(this.folder, `export-${this.#count++}.zip`);
    const outcome = await this.#try(trouble, { do: 'export', packageId: id, to: file });
    if (outcome !== 'undone' && outcome !== 'died') {
      equal((await stat(file)).size, outcome.done);
      this.files.push({ ...held, file });
    }
  }

  async #import({ trouble }: Extract<Command, { do: 'import' }>, from: EmbeddedModel['files'][number]) {
    const { file, sha256, ...held } = from;
    const isDouble = [...this.packages.values()].some((p) => p.sha256 === sha256);
    const outcome = await this.#try(trouble, { do: 'import', from: file, isDouble });
    const found = (await this.#available()).filter((p) => !this.packages.has(p.id));
    const allowed = outcome === 'died' && !isDouble ? [0, 1] : [outcome === 'undone' || isDouble ? 0 : 1];
    isOneOf(found.length, allowed);
    for (const p of found) this.packages.set(p.id, { ...held, sha256 });
  }

  async #extract({ trouble }: Extract<Command, { do: 'extract' }>, packageId: string, held: Held): Promise<void> {
    const id = `copy-${this.#count++}`;
    const outcome = await this.#try(trouble, { do: 'extract', packageId, vnfSnapshotId: id });
    const isThere = this.#listed().includes(id);
    if (outcome !== 'died') equal(isThere, outcome !== 'undone');
    const { vnf, type, contents } = held;
    if (isThere) this.snapshots.set(id, { vnf, type, contents, name: this.life.engine.show(id).userDefinedData.name });
  }

  async #unpackage({ trouble }: Extract<Command, { do: 'unpackage' }>, id: string): Promise<void> {
    const outcome = await this.#try(trouble, { do: 'unpackage', packageId: id });
    const isThere = (await this.#available()).some((p) => p.id === id);
    if (outcome !== 'died') equal(isThere, outcome === 'undone');
    if (!isThere) this.packages.delete(id);
  }

  /** Those with content; the others say why they have none, and are removed. */
  async #available(): Promise<VnfSnapshotPkgInfo[]> {
    const all = (await this.life.packages.query()) as VnfSnapshotPkgInfo[];
    const available: VnfSnapshotPkgInfo[] = [];
    for (const p of all) {
      if (p.state === 'AVAILABLE' || p.state === 'ERROR_EXTRACTING') available.push(p);
      else {
        ok(p.state === 'ERROR' && p.failureDetails !== undefined, `package ${p.id} is ${p.state} and does not say why`);
        await this.life.packages.delete(p.id);
      }
    }
    return available;
  }

  async #compare(): Promise<void> {
    const { engine, vim } = this.life;
    const listed = engine.list();
    equal(
      listed.map((s) => [s.id, s.userDefinedData.name]).sort(),
      [...this.snapshots].map(([id, s]) => [id, s.name]).sort(),
    );
    const referred = listed.flatMap((s) => s.vnfcSnapshots.map((v) => v.computeSnapshotResource?.resourceId));
    equal((await vim.snapshots.list()).map((s) => s.id).sort(), referred.sort());
    equal((await this.#available()).map((p) => p.id).sort(), [...this.packages.keys()].sort());
    const states = await Promise.all(vnfcs.map(async (id) => vim.inspect(await vim.locate(id))));
    for (const { resource, powerState, disks } of states) {
      equal([resource, powerState, disks.map((d) => d.attached)], [resource, 'on', [true]]);
    }
  }

  /** Whatever has been done, each snapshot still holds what it held, and each package is whole. */
  async end(): Promise<void> {
    equal(await contentsOf(this.world), this.now);
    for (const id of this.packages.keys()) {
      if (this.snapshots.size < most) await this.run({ do: 'extract', which: this.#indexOf(id), trouble: undefined });
    }
    for (const [id, held] of this.snapshots) {
      await this.#revert({ do: 'revert', which: 0, stops: false, trouble: undefined }, id, held);
    }
    const { engine, vim } = this.life;
    await engine.delete([...this.snapshots.keys()]);
    equal(await vim.snapshots.list(), []);
    equal(await this.world.snapshotFiles(), []);
    if (this.victims !== undefined) await this.#collect();
  }

  /** What the killed have left in the store is garbage, and nothing else is. */
  async #collect(): Promise<void> {
    const chunks = await this.life.state.chunks();
    await chunks.collectGarbage();
    equal(await chunks.verify(), []);
    const files = await readdir(join(this.folder, 'chunks'), { recursive: true });
    equal(
      files.filter((file) => /\.(tmp|writing)$/.test(file)),
      [],
    );
    const owners = new Set((await chunks.ids()).map((id) => id.split('/')[1]));
    equal([...owners].sort(), [...this.packages.keys()].sort());
  }

  #indexOf(packageId: string): number {
    return [...this.packages.keys()].indexOf(packageId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const life of this.lives) await life[Symbol.asyncDispose]();
  }
}

/** Not with Playwright's `expect`: it keeps a step of each, and there are hundreds of thousands. */
function isOneOf<T>(is: T, allowed: readonly T[]): void {
  if (!allowed.some((a) => isDeepStrictEqual(a, is))) equal(is, allowed[0]);
}

async function contentsOf(world: EmbeddedWorld): Promise<World> {
  return Object.fromEntries(await Promise.all(vnfcs.map(async (id) => [id, await world.content(id)] as const)));
}
