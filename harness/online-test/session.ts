import { dirname, resolve } from 'node:path';
import {
  type LocatedService,
  type NetworkService,
  networkService,
  type Vnfc,
  vnfcsOf,
} from '../model/network-service.js';
import type { ResolveAddress } from '../model/probe.js';
import type { Grant, SnapshotNotification, TraceStep } from '../model/roles.js';
import type { ComputeId, Vim } from '../model/vim.js';
import type { VnfInfo } from '../model/vnf-info.js';
import { populate } from '../monitor/monitor.js';
import type { PackageManagement } from '../package/index.js';
import { type EngineContext, SnapshotEngine } from '../snapshot/engine.js';
import { rolesOf } from '../snapshot/roles.js';
import { Journal } from '../store/journal.js';
import { openState, type State } from '../store/state.js';
import { OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { readValidated } from '../util/validate.js';
import { openVim } from '../vim/registry.js';
import { unlessGone } from './gone.js';
import { heldVim } from './held-vim.js';

export async function readService(file: string): Promise<LocatedService> {
  const path = resolve(file);
  const descriptor = await readValidated(path, networkService);
  checkReferences(descriptor, path);
  return { file: path, folder: dirname(path), descriptor };
}

/** What the schema cannot see: names that must exist, and names that must be unique. */
function checkReferences(service: NetworkService, where: string): void {
  const invalid = (what: string, expected: string): never => {
    throw new OrdealError('file-invalid', what, { where, expected, remedy: 'Correct the file.' });
  };
  const ids = vnfcsOf(service).map((v) => v.id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) invalid(`vnfs: VNFC "${twice}" is named twice`, 'unique ids over all VNFs');
  const links = service.virtualLinks.map((l) => l.id);
  const points = new Set<string>();
  for (const vnfc of vnfcsOf(service)) {
    if (service.vims[vnfc.vim] === undefined) {
      invalid(`VNFC "${vnfc.id}" names the VIM "${vnfc.vim}"`, `one of vims: ${Object.keys(service.vims).join(', ')}`);
    }
    for (const cp of vnfc.connectionPoints) {
      points.add(`${vnfc.id}.${cp.id}`);
      if (cp.link !== undefined && !links.includes(cp.link)) {
        invalid(`connection point ${vnfc.id}.${cp.id} joins "${cp.link}"`, `one of virtualLinks: ${links.join(', ')}`);
      }
    }
  }
  const named = service.probes.map((p) => ('connectionPoint' in p ? p.connectionPoint : undefined));
  for (const point of [...named, service.population?.connectionPoint]) {
    if (point !== undefined && !points.has(point)) {
      invalid(`connection point "${point}" is not in the service`, `one of ${[...points].join(', ')}`);
    }
  }
}

export interface SessionOptions {
  /** The folder of journal, repositories and VIM state; default .ordeal */
  readonly stateFolder: string;
  /** Puts something around each VIM: retries, limits, or faults of the VIM itself. */
  readonly wrapVim?: (vim: Vim) => Vim;
  readonly grant?: Grant;
  readonly notification?: SnapshotNotification;
  /** Where the secrets are that the descriptor names. Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * A network service at hand: its VIMs, its snapshot engine, its journal. Attaching to what runs touches nothing;
 * only `start` brings a service up, and then disposing the session takes it down again.
 */
export class ServiceSession implements AsyncDisposable {
  #started = false;

  private constructor(
    readonly service: LocatedService,
    readonly vims: ReadonlyMap<string, Vim>,
    readonly state: State,
    readonly journal: Journal,
    readonly options: SessionOptions,
    /** Of every procedure so far; atMs is performance.now(). */
    readonly trace: TraceStep[] = [],
  ) {}

  static async open(service: LocatedService, options: SessionOptions): Promise<ServiceSession> {
    await using undo = new Undo();
    const stateFolder = resolve(options.stateFolder);
    const journal = new Journal(stateFolder);
    undo.defer('close the journal', () => journal[Symbol.dispose]());
    const state = await openState(stateFolder);
    undo.defer('close the repositories', () => state[Symbol.asyncDispose]());
    const vims = new Map<string, Vim>();
    for (const [kind, vimOptions] of Object.entries(service.descriptor.vims)) {
      const vim = await openVim(kind, { service, stateFolder, options: vimOptions });
      undo.defer(`close VIM ${kind}`, () => vim[Symbol.asyncDispose]());
      vims.set(kind, options.wrapVim?.(vim) ?? vim);
    }
    undo.keep();
    return new ServiceSession(service, vims, state, journal, { ...options, stateFolder });
  }

  /**
   * The same session for one run, which this process must hold: once another one has taken it over, whatever would strike
   * is refused with an OrdealError of kind lease-lost. It is not to be disposed: this one is.
   */
  heldFor(runId: string): ServiceSession {
    const mustBeHeld = () => this.journal.mustBeHeld(runId);
    const vims = new Map([...this.vims].map(([kind, vim]) => [kind, heldVim(vim, mustBeHeld)]));
    return new ServiceSession(this.service, vims, this.state, this.journal, this.options, this.trace);
  }

  get engine(): SnapshotEngine {
    return new SnapshotEngine(this.#engineContext);
  }

  /** The procedures of clauses 6.6 and 6.7 over this state folder's package repository; loaded for those who use them. */
  async packages(): Promise<PackageManagement> {
    const { PackageManagement } = await import('../package/index.js');
    return new PackageManagement(this.#engineContext);
  }

  get #engineContext(): EngineContext {
    const { grant, notification, env = process.env } = this.options;
    return {
      ...rolesOf(this.service, env),
      service: this.service,
      vims: this.vims,
      state: this.state,
      trace: (step) => this.trace.push({ ...step, atMs: performance.now() }),
      ...(grant === undefined ? {} : { grant }),
      ...(notification === undefined ? {} : { notification }),
    };
  }

  /** Brings the service up where its VIM can, and puts its population in. What runs already is left as it is. */
  async start(signal?: AbortSignal): Promise<void> {
    if (await this.isRunning()) return;
    for (const vim of this.vims.values()) {
      if (vim.instantiation === undefined) {
        throw new OrdealError('capability-missing', `VIM "${vim.kind}" does not start services by itself`, {
          remedy: 'Start the service by its own means, then run again.',
        });
      }
      this.#started = true;
      await vim.instantiation.instantiate(this.service, signal);
    }
    await this.populate();
  }

  /** Every VNFC is known to its VIM. */
  async isRunning(): Promise<boolean> {
    try {
      for (const vnfc of vnfcsOf(this.service.descriptor)) await this.locate(vnfc);
      return true;
    } catch (e) {
      if (e instanceof OrdealError && (e.kind === 'vim-unreachable' || e.kind === 'unknown-target')) return false;
      throw e;
    }
  }

  /** The service certainly runs no more, on any of its VIMs: nothing is left of what was done to it. */
  async isGone(): Promise<boolean> {
    for (const vim of this.vims.values()) {
      if ((await vim.instantiation?.isGone?.()) !== true) return false;
    }
    return true;
  }

  /** The service that `start` brought up outlives this session. */
  leaveRunning(): void {
    this.#started = false;
  }

  async populate(): Promise<number> {
    const { population } = this.service.descriptor;
    return population === undefined ? 0 : (await populate(population, await this.addresses())).stored;
  }

  /**
   * Where the external connection points are reached now.
   * @param before records of the VNFs of another time, for a VNFC that somebody has deleted: a new one is reached as it was
   */
  async addresses(before: readonly VnfInfo[] = []): Promise<ResolveAddress> {
    const known = new Map<string, string>();
    for (const vnfc of vnfcsOf(this.service.descriptor)) {
      if (!vnfc.connectionPoints.some((cp) => cp.external !== undefined)) continue;
      for (const { id, address } of await this.#pointsOf(vnfc, before)) known.set(`${vnfc.id}.${id}`, address);
    }
    return (point) => {
      const address = known.get(point);
      if (address === undefined) throw new OrdealError('unknown-target', `Connection point "${point}" has no address`);
      return address;
    };
  }

  async #pointsOf(vnfc: Vnfc, before: readonly VnfInfo[]): Promise<readonly { id: string; address: string }[]> {
    const then = before.flatMap((v) => v.instantiatedVnfInfo.vnfcResourceInfo).find((v) => v.id === vnfc.id);
    const now = async () => (await this.vimOf(vnfc).inspect(await this.locate(vnfc))).connectionPoints;
    if (then === undefined) return now();
    return (await unlessGone(now)) ?? then.vnfcCpInfo.map(({ cpdId, address }) => ({ id: cpdId, address }));
  }

  /** @throws OrdealError of kind unknown-target, with the VNFCs that there are */
  vnfc(id: string, where?: string): Vnfc {
    const all = vnfcsOf(this.service.descriptor);
    const found = all.find((v) => v.id === id);
    if (found !== undefined) return found;
    throw new OrdealError('unknown-target', `VNFC "${id}" is not in the service "${this.service.descriptor.id}"`, {
      ...(where === undefined ? {} : { where }),
      expected: `one of ${all.map((v) => v.id).join(', ')}`,
      got: id,
      remedy: `See ${this.service.file}; nothing was touched.`,
    });
  }

  vimOf(vnfc: Vnfc): Vim {
    const vim = this.vims.get(vnfc.vim);
    if (vim === undefined) throw new OrdealError('capability-missing', `VIM "${vnfc.vim}" is not configured`);
    return vim;
  }

  locate(vnfc: Vnfc): Promise<ComputeId> {
    return this.vimOf(vnfc).locate(vnfc.resource ?? vnfc.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using undo = new Undo();
    undo.defer('close the journal', () => this.journal[Symbol.dispose]());
    undo.defer('close the repositories', () => this.state[Symbol.asyncDispose]());
    for (const vim of this.vims.values()) {
      undo.defer(`close VIM ${vim.kind}`, () => vim[Symbol.asyncDispose]());
      if (this.#started) undo.defer(`terminate the service on ${vim.kind}`, () => vim.instantiation?.terminate());
    }
    this.#started = false;
  }
}
