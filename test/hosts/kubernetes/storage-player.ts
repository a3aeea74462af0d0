import { chmod, cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject, V1PersistentVolume, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { sleep } from '../../../harness/util/deadline.js';
import { OrdealError } from '../../../harness/util/errors.js';
import { type Cluster, isConflict } from '../../../harness/vim/kubernetes/cluster.js';

const LOOK_MS = 100;
const className = 'played';
const snapshotApi = '/apis/snapshot.storage.k8s.io/v1';

interface VolumeSnapshot extends KubernetesObject {
  readonly spec?: { readonly source?: { readonly persistentVolumeClaimName?: string } };
  readonly status?: { readonly readyToUse?: boolean };
}

/**
 * Plays a CSI driver with its provisioner and snapshotter: a volume is a folder, a snapshot a copy of it. Claims are bound
 * by the real controller. Volumes that nobody claims any more are removed when it ends.
 */
export class StoragePlayer implements AsyncDisposable {
  #stopped = false;
  readonly #looking: Promise<void>;
  readonly #volumes: string[] = [];

  private constructor(
    readonly cluster: Cluster,
    readonly namespace: string,
    readonly folder: string,
  ) {
    this.#looking = this.#look();
  }

  /** Serves the claims of one namespace that name no other class. */
  static async start(cluster: Cluster, namespace: string, folder: string): Promise<StoragePlayer> {
    const metadata = {
      name: className,
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    };
    const body = { metadata, provisioner: 'ordeal.test/played', reclaimPolicy: 'Retain' };
    try {
      await cluster.call('/apis/storage.k8s.io/v1/storageclasses', { method: 'POST', body });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
    return new StoragePlayer(cluster, namespace, folder);
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      try {
        const claims = await this.cluster.list<V1PersistentVolumeClaim>(this.#claims);
        for (const claim of claims) if (claim.spec?.volumeName === undefined) await this.#provision(claim);
        for (const it of await this.#snapshots()) if (it.status?.readyToUse !== true) await this.#take(it);
      } catch (e) {
        // Deleted meanwhile, or changed by a controller: the next look sees it as it is.
        if (!(e instanceof OrdealError)) throw e;
      }
      await sleep(LOOK_MS);
    }
  }

  async #provision({ metadata, spec }: V1PersistentVolumeClaim): Promise<void> {
    if (spec?.storageClassName !== className) return;
    const name = `played-${metadata?.uid}`;
    if (this.#volumes.includes(name)) return;
    const path = join(this.folder, name);
    const { dataSource } = spec;
    if (dataSource?.kind === 'VolumeSnapshot') await cp(join(this.folder, dataSource.name), path, { recursive: true });
    else await mkdir(path, { recursive: true });
    // A driver gives a volume to the fsGroup of its pod, which is not known here.
    await chmod(path, 0o777);
    const body: V1PersistentVolume = {
      metadata: { name },
      spec: {
        capacity: { storage: spec.resources?.requests?.storage ?? '1Mi' },
        accessModes: spec.accessModes ?? [],
        storageClassName: className,
        persistentVolumeReclaimPolicy: 'Retain',
        hostPath: { path },
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          ...(metadata?.name === undefined ? {} : { name: metadata.name }),
          namespace: this.namespace,
          ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
        },
      },
    };
    await this.cluster.call('/api/v1/persistentvolumes', { method: 'POST', body });
    this.#volumes.push(name);
  }

  /** None where their definitions are not installed. */
  async #snapshots(): Promise<VolumeSnapshot[]> {
    const path = `${snapshotApi}/namespaces/${this.namespace}/volumesnapshots`;
    const found = await this.cluster.find<{ items: VolumeSnapshot[] }>(path);
    return found?.items ?? [];
  }

  async #take({ metadata, spec }: VolumeSnapshot): Promise<void> {
    const claim = await this.cluster.call<V1PersistentVolumeClaim>(
      `${this.#claims}/${spec?.source?.persistentVolumeClaimName}`,
    );
    const name = metadata?.name ?? '';
    await cp(join(this.folder, claim.spec?.volumeName ?? ''), join(this.folder, name), { recursive: true });
    const restoreSize = claim.status?.capacity?.storage;
    await this.cluster.call(`${snapshotApi}/namespaces/${this.namespace}/volumesnapshots/${name}/status`, {
      method: 'PATCH',
      body: { status: { readyToUse: true, creationTime: new Date().toISOString(), restoreSize } },
    });
  }

  get #claims(): string {
    return `/api/v1/namespaces/${this.namespace}/persistentvolumeclaims`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#looking;
    for (const name of this.#volumes) await this.cluster.remove(`/api/v1/persistentvolumes/${name}`);
    await rm(this.folder, { recursive: true, force: true });
  }
}
