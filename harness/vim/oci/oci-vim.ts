import type { CapabilityTable } from '../../model/capability.js';
import type { ComputeId, ComputeState, Instantiation, Logs, Pausing, Vim, VimContext } from '../../model/vim.js';
import type { VirtualLinkInfo } from '../../model/vnf-info.js';
import { Turns } from '../turns.js';
import { BridgeRules } from './barrier.js';
import { BridgeFaults } from './bridge-faults.js';
import { probeCapabilities } from './capabilities.js';
import { Capture } from './capture.js';
import { CheckpointArchives } from './checkpoint-archive.js';
import { Clocks } from './clocks.js';
import { Connections } from './connections.js';
import { Containers } from './containers.js';
import { Dumps, type RuntimeTools } from './dump.js';
import type { OciEngine } from './engine.js';
import { linkFaults, meansOf } from './fault-means.js';
import { OciFaults } from './faults.js';
import { OciFolder } from './folder.js';
import { HopFaults } from './hop-faults.js';
import type { EngineHost } from './host.js';
import { Images } from './images.js';
import { type InstantiatingEngine, OciInstantiation } from './instantiation.js';
import type { Means } from './means/means.js';
import { Power } from './power.js';
import { OciReplacement } from './replacement.js';
import { Reversion } from './reversion.js';
import { OciSnapshots } from './snapshots.js';
import { Timelines } from './timelines.js';
import { Trees } from './trees.js';

const GRACE_MS = 10_000;

export interface OciVimParts {
  readonly engine: OciEngine & InstantiatingEngine;
  readonly host: EngineHost;
  readonly folder: string;
  readonly tools: RuntimeTools;
  readonly networks: Readonly<Record<string, { readonly subnet: string }>>;
  readonly faketime: string | undefined;
}

/**
 * The driver of containers, whichever engine they are under. All of its state is with the engine and in its folder on the
 * host, so that any process may take over.
 */
export class OciVim implements Vim {
  readonly kind: string;
  readonly #engine: OciEngine;
  readonly #host: EngineHost;
  readonly #containers: Containers;
  readonly #power: Power;
  readonly #dumps: Dumps;
  readonly #bridge: BridgeRules;
  readonly #hops: HopFaults;
  readonly #means: ReadonlyMap<string, Means>;
  readonly snapshots: OciSnapshots;
  readonly replacement: OciReplacement;
  readonly faults: OciFaults;
  readonly instantiation: Instantiation;
  #table: Promise<CapabilityTable> | undefined;

  constructor(
    { service }: Pick<VimContext, 'service'>,
    { engine, host, folder, tools, networks, faketime }: OciVimParts,
  ) {
    this.kind = engine.kind;
    this.#engine = engine;
    this.#host = host;
    const kept = new OciFolder(folder);
    this.#containers = new Containers(engine, kept, service);
    this.#dumps = new Dumps(host, tools, engine.runtimeRoot);
    this.#bridge = new BridgeRules(host);
    const connections = new Connections(host);
    const timelines = new Timelines(this.#containers, connections);
    this.#power = new Power(this.#containers, kept, this.#bridge, timelines);
    const trees = new Trees(host);
    const archives = new CheckpointArchives(trees, host);
    const turns = new Turns();
    const turn = turns.take.bind(turns) as <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>;
    const reversion = new Reversion(this.#containers, kept, this.#bridge, trees, this.#power, timelines);
    const capture = new Capture(this.#containers, kept, this.#dumps, trees, connections);
    this.snapshots = new OciSnapshots(this.#containers, kept, trees, archives, capture, reversion, turn);
    const images = new Images(this.#containers, engine);
    this.replacement = new OciReplacement(this.#containers, kept, this.#power, reversion, images, turn);
    const bridgeFaults = new BridgeFaults(this.#containers, this.#bridge);
    this.#hops = new HopFaults(this.#containers, kept, host, bridgeFaults);
    const clocks = new Clocks(kept.root, faketime);
    this.#means = meansOf(this.#containers, this.#power, host, clocks);
    const onLinks = linkFaults(bridgeFaults, this.#hops);
    this.faults = new OciFaults(this.#containers, kept, this.#power, onLinks, this.#means);
    this.instantiation = new OciInstantiation(this.#containers, engine, kept, this.#power, networks, clocks, images);
  }

  /** Tried once: the host does not change under a driver. */
  capabilities(): Promise<CapabilityTable> {
    const table = this.#table ?? probeCapabilities(this.#engine, this.#dumps, this.#bridge, this.#hops, this.#means);
    this.#table = table;
    table.catch(() => {
      this.#table = undefined;
    });
    return table;
  }

  locate(resource: string): Promise<ComputeId> {
    return this.#containers.locate(resource);
  }

  async inspect(compute: ComputeId): Promise<ComputeState> {
    return this.#containers.describe(await this.#containers.see(compute));
  }

  async links(): Promise<readonly VirtualLinkInfo[]> {
    return this.#containers.links(await this.faults.impaired());
  }

  start(compute: ComputeId): Promise<void> {
    return this.#power.start(compute);
  }

  stop(compute: ComputeId, { graceMs = GRACE_MS }: { graceMs?: number } = {}) {
    return this.#power.stop(compute, graceMs);
  }

  readonly pausing: Pausing = {
    pause: (compute) => this.#power.pause(compute),
    resume: (compute) => this.#power.resume(compute),
  };

  readonly logs: Logs = {
    logs: async (compute) => {
      const seen = await this.#containers.see(compute);
      return [{ name: `${seen.resource}.log`, open: () => this.#engine.log(seen.container) }];
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
    await this.#host[Symbol.asyncDispose]();
  }
}
