import { join } from 'node:path';
import type { V1Service } from '@kubernetes/client-node';
import type { CapabilityTable } from '../../model/capability.js';
import type { ComputeId, ComputeState, Logs, Vim, VimContext } from '../../model/vim.js';
import type { VirtualLinkInfo } from '../../model/vnf-info.js';
import { validate } from '../../util/validate.js';
import { Asking } from './ask.js';
import { probeCapabilities } from './capabilities.js';
import { Checkpoints } from './checkpoint.js';
import { Cluster } from './cluster.js';
import { kubernetesOptions } from './deployment.js';
import { LeaseExclusion } from './exclusion.js';
import { KubernetesFaults } from './faults.js';
import { KubernetesHosting } from './hosting/hosting.js';
import { KubernetesInstantiation } from './instantiation.js';
import { KubernetesReplacement } from './replacement.js';
import { SnapshotFolder } from './snapshot-folder.js';
import { KubernetesSnapshots } from './snapshots.js';
import { Volumes } from './volumes.js';
import { Workloads } from './workloads.js';

const GRACE_MS = 30_000;

/** The driver of VNFCs that are the pods of Deployments. What it knows of a run is on the cluster's own objects. */
export class KubernetesVim implements Vim {
  readonly kind = 'kubernetes';
  readonly snapshots: KubernetesSnapshots;
  readonly replacement: KubernetesReplacement;
  readonly faults: KubernetesFaults;
  readonly instantiation: KubernetesInstantiation;
  readonly exclusion: LeaseExclusion;
  readonly hosting: KubernetesHosting;

  private constructor(
    readonly workloads: Workloads,
    context: VimContext,
  ) {
    const options = validate(context.options, `${context.service.file}: vims.kubernetes`, kubernetesOptions);
    const folder = new SnapshotFolder(options.folder ?? join(context.stateFolder, 'kubernetes', workloads.cluster.id));
    const volumes = new Volumes(workloads, options.volumeSnapshotClass);
    this.snapshots = new KubernetesSnapshots(workloads, volumes, new Checkpoints(workloads, options), folder);
    this.replacement = new KubernetesReplacement(workloads, volumes, folder);
    this.instantiation = new KubernetesInstantiation(workloads, options.manifests);
    this.faults = new KubernetesFaults(workloads, new Asking(workloads), options.forceFinalizers);
    this.hosting = new KubernetesHosting(workloads);
    this.exclusion = new LeaseExclusion(workloads, this.replacement, this.faults);
  }

  /** @throws OrdealError of kind vim-unreachable when no API server answers */
  static async open(context: VimContext): Promise<KubernetesVim> {
    const options = validate(context.options, `${context.service.file}: vims.kubernetes`, kubernetesOptions);
    const cluster = Cluster.open(options);
    await cluster.call('/version', { what: 'The API server does not answer' });
    return new KubernetesVim(new Workloads(cluster, options.namespace ?? cluster.namespace, context.service), context);
  }

  capabilities(): Promise<CapabilityTable> {
    return probeCapabilities(this.workloads);
  }

  locate(resource: string): Promise<ComputeId> {
    return this.workloads.locate(resource);
  }

  inspect(compute: ComputeId): Promise<ComputeState> {
    return this.workloads.inspect(compute);
  }

  start(compute: ComputeId): Promise<void> {
    return this.workloads.start(compute);
  }

  stop(compute: ComputeId, { graceMs = GRACE_MS }: { graceMs?: number } = {}) {
    return this.workloads.stop(compute, graceMs);
  }

  /** A cluster's network is one: a virtual link is what the descriptor says is on it. */
  async links(): Promise<readonly VirtualLinkInfo[]> {
    const { deployed, service, namespace } = this.workloads;
    const faults = await this.faults.active();
    const services = await this.workloads.cluster.list<V1Service>(this.workloads.path('services'));
    return service.descriptor.virtualLinks.flatMap(({ id }) => {
      const ports = deployed.flatMap(({ vnfc }) =>
        vnfc.connectionPoints
          .filter((cp) => cp.link === id)
          .map((cp) => ({ vnfcId: vnfc.id, cpId: cp.id, state: 'up' as const })),
      );
      if (ports.length === 0) return [];
      const on = faults.filter((f) => 'link' in f.target && f.target.link === id);
      const state = on.some((f) => f.kind === 'link-cut') ? 'cut' : on.length > 0 ? 'impaired' : 'up';
      const settings = { namespace, services: services.flatMap((s) => s.metadata?.name ?? []) };
      return [{ id, vnfVirtualLinkDescId: id, state, settings, ports } as const];
    });
  }

  readonly logs: Logs = {
    logs: async (compute) => {
      const seen = await this.workloads.see(compute);
      const name = seen.pod?.metadata?.name;
      if (name === undefined) return [];
      const container = this.workloads.containerOf(seen);
      const query = { container, timestamps: true };
      const path = `${this.workloads.path('pods', name)}/log`;
      return [{ name: `${name}.log`, open: () => this.workloads.cluster.stream(path, { query }) }];
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open: every call stands for itself.
  }
}
