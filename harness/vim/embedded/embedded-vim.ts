import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { CapabilityTable } from '../../model/capability.js';
import { faultKinds } from '../../model/fault.js';
import type { LocatedService } from '../../model/network-service.js';
import type {
  ComputeId,
  ComputeState,
  Instantiation,
  Logs,
  NativeFaults,
  Pausing,
  Quiescing,
  Replacement,
  Snapshots,
  StorageAttachment,
  Vim,
  VimContext,
} from '../../model/vim.js';
import type { VirtualLinkInfo } from '../../model/vnf-info.js';
import { OrdealError } from '../../util/errors.js';
import { monotonicMs } from '../../util/monotonic.js';
import { validate } from '../../util/validate.js';
import { embeddedCapabilities } from './capabilities.js';
import type { HostConnection } from './connection.js';
import { type DeployedVnfc, deployedVnfcs, type EmbeddedOptions, embeddedOptions } from './deployment.js';
import type { ServicePlan } from './host/plan.js';
import { attach, hostIsGone, launch, serviceFolder, shutDown } from './launch.js';
import { loadModule } from './loader.js';
import { type HostMethod, harmful, type Params, type Result } from './protocol.js';
import { SnapshotFolder } from './snapshot-folder.js';
import { EmbeddedSnapshots, imageDeadlineMs } from './snapshots.js';

/**
 * The driver of the embedded VIM: a client of the host process that runs the service. It attaches when it is first
 * needed and holds no state, so that any process may take over.
 */
export class EmbeddedVim implements Vim {
  readonly kind = 'embedded';
  readonly #stateFolder: string;
  readonly #serviceId: string;
  readonly #options: EmbeddedOptions;
  #connection: Promise<HostConnection> | undefined;

  constructor(readonly context: VimContext) {
    this.#options = validate(context.options, `${context.service.file}: vims.embedded`, embeddedOptions);
    deployedVnfcs(context.service);
    this.#stateFolder = resolve(context.stateFolder);
    this.#serviceId = context.service.descriptor.id;
    const folder = new SnapshotFolder(join(serviceFolder(this.#stateFolder, this.#serviceId), 'snapshots'));
    this.snapshots = new EmbeddedSnapshots(folder, (method, params, deadlineMs) =>
      this.#call(method, params, deadlineMs),
    );
  }

  async capabilities(): Promise<CapabilityTable> {
    return embeddedCapabilities();
  }

  async locate(resource: string): Promise<ComputeId> {
    return (await this.#call('locate', { resource })).computeId;
  }

  inspect(compute: ComputeId): Promise<ComputeState> {
    return this.#call('inspect', { compute });
  }

  links(): Promise<readonly VirtualLinkInfo[]> {
    return this.#call('links', {});
  }

  start(compute: ComputeId): Promise<void> {
    return this.#call('start', { compute }, 30_000);
  }

  stop(compute: ComputeId, { graceMs = 2000 }: { graceMs?: number } = {}): Promise<'graceful' | 'forced' | 'was-off'> {
    return this.#call('stop', { compute, graceMs }, graceMs + 15_000);
  }

  readonly snapshots: Snapshots;

  readonly pausing: Pausing = {
    pause: (compute) => this.#call('pause', { compute }),
    resume: (compute) => this.#call('resume', { compute }),
  };

  readonly quiescing: Quiescing = {
    quiesce: (compute, deadlineMs) => this.#call('quiesce', { compute, deadlineMs }, deadlineMs + 5000),
    unquiesce: (compute) => this.#call('unquiesce', { compute }),
  };

  readonly storage: StorageAttachment = {
    attach: (compute, disk) => this.#call('attach', { compute, disk }),
    detach: (compute, disk) => this.#call('detach', { compute, disk }),
  };

  readonly replacement: Replacement = {
    quarantine: (compute, runId) => this.#call('quarantine', { compute, runId }),
    unquarantine: (compute, runId) => this.#call('unquarantine', { compute, runId }),
    restoreAsNew: async (snapshot, runId) =>
      (await this.#call('restoreAsNew', { snapshot, runId }, imageDeadlineMs)).computeId,
    switchOver: (pairs, runId) => this.#call('switchOver', { pairs, runId }, 60_000),
    release: (compute, runId) => this.#call('release', { compute, runId }),
    ownedBy: (runId) => this.#call('ownedBy', runId === undefined ? {} : { runId }),
  };

  readonly faults: NativeFaults = {
    kinds: faultKinds,
    inject: (injection) => this.#call('inject', { injection }),
    renew: async (injection) => (await this.#call('renew', { injection })).isOn,
    verify: (injection) => this.#call('verify', { injection }, 60_000),
    heal: (injection) => this.#call('heal', { injection }, 30_000),
    active: () => this.#call('active', {}),
  };

  readonly logs: Logs = {
    logs: async (compute) => {
      const files = await this.#call('logs', { compute });
      const there = await Promise.all(
        files.map((file) =>
          stat(file).then(
            () => file,
            () => undefined,
          ),
        ),
      );
      return there
        .filter((file) => file !== undefined)
        .map((file) => ({ name: basename(file), open: async () => createReadStream(file) }));
    },
  };

  readonly instantiation: Instantiation = {
    check: async (service) => {
      await this.#plan(service);
    },
    instantiate: async (service, signal) => {
      const plan = await this.#plan(service);
      signal?.throwIfAborted();
      const connection = await launch(this.#stateFolder, this.#serviceId);
      const { maxLifetimeMs } = this.#options;
      const abort = (): void => connection.close();
      signal?.addEventListener('abort', abort, { once: true });
      try {
        await connection.call(
          'instantiate',
          { plan, ...(maxLifetimeMs === undefined ? {} : { maxLifetimeMs }) },
          60_000,
        );
      } catch (e) {
        connection.close();
        await shutDown(this.#stateFolder, this.#serviceId);
        signal?.throwIfAborted();
        throw e;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
      this.#connection = Promise.resolve(connection);
    },
    isGone: () => hostIsGone(this.#stateFolder, this.#serviceId),
    terminate: async () => {
      await this.#drop();
      await shutDown(this.#stateFolder, this.#serviceId);
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }

  async #plan(service: LocatedService): Promise<ServicePlan> {
    const modulesFolder = join(this.#stateFolder, 'embedded', 'modules');
    const deployed = deployedVnfcs(service);
    const modules = await Promise.all(
      deployed.map(({ deployment }) => loadModule(resolve(service.folder, deployment.module), modulesFolder)),
    );
    return {
      serviceId: this.#serviceId,
      folder: serviceFolder(this.#stateFolder, this.#serviceId),
      modulesFolder,
      links: service.descriptor.virtualLinks.map((l) => l.id),
      vnfcs: deployed.map(({ vnfc, resource, deployment }: DeployedVnfc, i) => {
        const module = modules[i];
        if (module === undefined) throw new OrdealError('internal', `No module for ${resource}`);
        return {
          resource,
          vnfcId: vnfc.id,
          address: i + 1,
          module,
          memoryMaxBytes: deployment.memoryMaxBytes,
          config: JSON.stringify(deployment.config),
          ...(deployment.respawnMs === undefined ? {} : { respawnMs: deployment.respawnMs }),
          connectionPoints: vnfc.connectionPoints,
          disks: vnfc.disks,
        };
      }),
    };
  }

  async #call<M extends HostMethod>(method: M, params: Params<M>, deadlineMs?: number): Promise<Result<M>> {
    const asked = harmful.has(method) ? { ...params, askedAtMs: monotonicMs() } : params;
    const attempt = this.#connection ?? attach(this.#stateFolder, this.#serviceId);
    this.#connection = attempt;
    try {
      return await (await attempt).call(method, asked, deadlineMs);
    } catch (e) {
      // The next call looks again: the service may have been started anew.
      if (e instanceof OrdealError && e.kind === 'vim-unreachable' && this.#connection === attempt) {
        this.#connection = undefined;
      }
      throw e;
    }
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(
      (c) => c.close(),
      () => undefined,
    );
  }
}
