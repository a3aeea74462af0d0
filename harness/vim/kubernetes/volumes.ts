import type { KubernetesObject, V1Deployment, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { OrdealError } from '../../util/errors.js';
import { label, labelValue } from './marks.js';
import type { StoredSnapshot } from './snapshot-folder.js';
import type { Workloads } from './workloads.js';

type SnapshottedVolume = StoredSnapshot['volumes'][number];

interface VolumeSnapshot extends KubernetesObject {
  readonly status?: {
    readonly readyToUse?: boolean;
    readonly restoreSize?: string;
    readonly error?: { readonly message?: string };
  };
}

export const snapshotGroup = 'snapshot.storage.k8s.io';
const READY_MS = 120_000;

/** Disks: claims, their CSI snapshots, and new claims from those. */
export class Volumes {
  constructor(
    readonly workloads: Workloads,
    readonly snapshotClass: string | undefined,
  ) {}

  #path(name?: string): string {
    const { namespace } = this.workloads;
    return `/apis/${snapshotGroup}/v1/namespaces/${namespace}/volumesnapshots${name === undefined ? '' : `/${name}`}`;
  }

  /** Asks for the snapshot; it is of one moment once the driver says that it is ready. */
  async snapshot(disk: string, claim: string, name: string, runId: string | undefined): Promise<SnapshottedVolume> {
    const { cluster } = this.workloads;
    const found = await cluster.call<V1PersistentVolumeClaim>(this.workloads.path('persistentvolumeclaims', claim));
    const { accessModes, resources, storageClassName, volumeMode } = found.spec ?? {};
    await cluster.call(this.#path(), {
      method: 'POST',
      what: `Claim "${claim}" cannot be snapshotted`,
      body: {
        apiVersion: `${snapshotGroup}/v1`,
        kind: 'VolumeSnapshot',
        metadata: { name, labels: { [label.snapshot]: labelValue(name), ...runLabel(runId) } },
        spec: {
          source: { persistentVolumeClaimName: claim },
          ...(this.snapshotClass === undefined ? {} : { volumeSnapshotClassName: this.snapshotClass }),
        },
      },
    });
    return { disk, claim, snapshot: name, spec: { accessModes, resources, storageClassName, volumeMode } };
  }

  async ready({ snapshot }: SnapshottedVolume): Promise<void> {
    const what = `VolumeSnapshot "${snapshot}" is ready`;
    await this.workloads.cluster.waitFor<VolumeSnapshot, boolean>(
      this.#path(snapshot),
      what,
      (found) => {
        if (found === undefined) throw new OrdealError('vim-failed', `VolumeSnapshot "${snapshot}" was deleted`);
        return found.status?.readyToUse === true;
      },
      { withinMs: READY_MS, describe: (it) => it?.status?.error?.message ?? 'no CSI driver has taken it yet' },
    );
  }

  /** @returns the name of a new claim with what the snapshot holds */
  async claimFrom({ claim, snapshot, spec }: SnapshottedVolume, name: string, labels: Record<string, string>) {
    await this.workloads.cluster.call(this.workloads.path('persistentvolumeclaims'), {
      method: 'POST',
      what: `No claim can be made from the snapshot of "${claim}"`,
      body: {
        metadata: { name, labels: { ...labels, [label.snapshot]: labelValue(snapshot) } },
        spec: { ...spec, dataSource: { apiGroup: snapshotGroup, kind: 'VolumeSnapshot', name: snapshot } },
      },
    });
    return name;
  }

  /** Claims that came from snapshots, and that the Deployment no longer uses. Those that the service came with stay. */
  async dropUnused(claims: Iterable<string>, deployment: V1Deployment): Promise<void> {
    const volumes = deployment.spec?.template.spec?.volumes ?? [];
    const used = new Set(volumes.map((v) => v.persistentVolumeClaim?.claimName));
    for (const name of claims) {
      if (used.has(name)) continue;
      const path = this.workloads.path('persistentvolumeclaims', name);
      const found = await this.workloads.cluster.find<V1PersistentVolumeClaim>(path);
      if (found?.metadata?.labels?.[label.snapshot] !== undefined) await this.dropClaim(name);
    }
  }

  async dropClaim(name: string): Promise<void> {
    await this.workloads.cluster.remove(this.workloads.path('persistentvolumeclaims', name));
  }

  async drop({ snapshot }: SnapshottedVolume): Promise<void> {
    await this.workloads.cluster.remove(this.#path(snapshot));
  }
}

export const runLabel = (runId: string | undefined): Record<string, string> =>
  runId === undefined ? {} : { [label.run]: labelValue(runId) };

/** What says that Ordeal started a service, and may take it down: for what becomes part of it later. */
export const serviceLabels = ({ metadata }: V1Deployment): Record<string, string> =>
  Object.fromEntries(
    [label.role, label.service].flatMap((key) => {
      const value = metadata?.labels?.[key];
      return value === undefined ? [] : [[key, value] as const];
    }),
  );

/** The template with its claims exchanged. */
export function withClaims(
  template: Readonly<Record<string, unknown>>,
  claims: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const copy = structuredClone(template) as {
    spec?: { volumes?: { persistentVolumeClaim?: { claimName: string } }[] };
  };
  for (const { persistentVolumeClaim: it } of copy.spec?.volumes ?? []) {
    if (it !== undefined) it.claimName = claims.get(it.claimName) ?? it.claimName;
  }
  return copy as Record<string, unknown>;
}
