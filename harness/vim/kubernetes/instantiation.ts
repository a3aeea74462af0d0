import type { KubernetesObject, V1Deployment, V1EndpointSlice, V1Pod } from '@kubernetes/client-node';
import type { LocatedService } from '../../model/network-service.js';
import type { Instantiation } from '../../model/vim.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { Undo } from '../../util/undo.js';
import { Access, needs, roleOf } from './access.js';
import { isConflict } from './cluster.js';
import { type Manifest, nameOf, readManifests, resourceOfKind, type ServiceKind, serviceKinds } from './manifests.js';
import { label, labelValue } from './marks.js';
import { selectorOf, type Workloads } from './workloads.js';

const READY_MS = 180_000;
const GONE_MS = 90_000;

/** Brings a service up from its manifests, and takes down what it brought up; objects that it did not make stay. */
export class KubernetesInstantiation implements Instantiation {
  constructor(
    readonly workloads: Workloads,
    readonly files: readonly string[],
  ) {}

  async check(service: LocatedService): Promise<void> {
    await this.#read(service);
    const { cluster, namespace } = this.workloads;
    const denied = await new Access(cluster, namespace).denied([...needs.observe, ...needs.instantiation]);
    if (denied.length === 0) return;
    throw new OrdealError('capability-missing', `The service cannot be started in namespace ${namespace}`, {
      got: `may not ${denied.join(', ')}`,
      remedy: `Bind the role ${roleOf('instantiate')}, or start the service by its own means.`,
    });
  }

  /** All of it or nothing: what was created is removed again when one is refused or does not become ready. */
  async instantiate(service: LocatedService, signal?: AbortSignal): Promise<void> {
    const manifests = await this.#read(service);
    await using undo = new Undo();
    undo.defer('remove what was created', () => this.terminate());
    for (const it of manifests) {
      signal?.throwIfAborted();
      await this.#create(it);
    }
    for (const { resource } of this.workloads.deployed) {
      signal?.throwIfAborted();
      await this.workloads.ready(resource, READY_MS);
    }
    for (const { kind, metadata } of manifests) if (kind === 'Service') await this.#served(metadata.name, signal);
    undo.keep();
  }

  /** A pod is ready a moment before its Service leads to it. */
  async #served(service: string, signal: AbortSignal | undefined): Promise<void> {
    const { cluster, namespace } = this.workloads;
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const labelSelector = `kubernetes.io/service-name=${service}`;
    const isServed = async () => {
      const slices = await cluster.list<V1EndpointSlice>(path, { labelSelector });
      return slices.flatMap((s) => s.endpoints ?? []).some((e) => e.conditions?.ready === true);
    };
    const within = { withinMs: READY_MS, everyMs: 100, ...(signal === undefined ? {} : { signal }) };
    await until(`A pod stands behind the Service "${service}"`, isServed, within);
  }

  async terminate(): Promise<void> {
    const { cluster } = this.workloads;
    const labelSelector = Object.entries(this.#labels)
      .map(([k, v]) => `${k}=${v}`)
      .join(',');
    const deployments = await cluster.list<V1Deployment>(this.#path('Deployment'), { labelSelector });
    // The last ones first: nothing is taken away from under what still runs.
    for (const kind of [...serviceKinds].reverse()) {
      const found = await cluster.list<KubernetesObject>(this.#path(kind), { labelSelector });
      for (const { metadata } of found) await cluster.remove(`${this.#path(kind)}/${metadata?.name}`);
    }
    for (const deployment of deployments) {
      const pods = () => cluster.list<V1Pod>(this.workloads.path('pods'), { labelSelector: selectorOf(deployment) });
      const isGone = async () => (await pods()).length === 0;
      await until(`The pods of "${deployment.metadata?.name}" end`, isGone, { withinMs: GONE_MS, everyMs: 200 });
    }
  }

  #read(service: LocatedService): Promise<Manifest[]> {
    if (this.files.length > 0) return readManifests(service, this.files);
    throw new OrdealError('capability-missing', 'The service does not run, and nothing says what it is made of', {
      where: service.file,
      remedy: 'Start it by its own means, or name its manifests in vims.kubernetes.manifests.',
    });
  }

  async #create(it: Manifest): Promise<void> {
    const body = { ...it, metadata: { ...it.metadata, labels: { ...it.metadata.labels, ...this.#labels } } };
    const path = this.#path(it.kind);
    try {
      await this.workloads.cluster.call(path, {
        method: 'POST',
        body,
        query: { fieldValidation: 'Strict' },
        what: `${nameOf(it)} cannot be created`,
      });
    } catch (e) {
      if (!isConflict(e)) throw e;
      const found = await this.workloads.cluster.call<KubernetesObject>(`${path}/${it.metadata.name}`);
      const isOurs = Object.entries(this.#labels).every(([k, v]) => found.metadata?.labels?.[k] === v);
      if (isOurs) return;
      throw new OrdealError('busy', `${nameOf(it)} is there already, and Ordeal did not make it`, {
        where: `namespace ${this.workloads.namespace}`,
        remedy: 'Remove it, or start the whole service by its own means.',
      });
    }
  }

  get #labels(): Record<string, string> {
    return { [label.role]: 'service', [label.service]: labelValue(this.workloads.service.descriptor.id) };
  }

  #path(kind: ServiceKind): string {
    const { api, plural } = resourceOfKind(kind);
    return `${api}/namespaces/${this.workloads.namespace}/${plural}`;
  }
}
