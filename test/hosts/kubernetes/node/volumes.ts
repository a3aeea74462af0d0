import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1ConfigMap, V1PersistentVolume, V1PersistentVolumeClaim, V1Pod } from '@kubernetes/client-node';
import type { Cluster } from '../../../../harness/vim/kubernetes/cluster.js';

export const kubeletCheckpoints = '/var/lib/kubelet/checkpoints';

/**
 * The folders behind the volumes of a pod, by name.
 * @param folder of the pod @param checkpoints what stands for the kubelet's folder of checkpoints
 * @returns undefined while a claim is not bound
 */
export async function volumesOf(
  pod: V1Pod,
  cluster: Cluster,
  folder: string,
  checkpoints: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>();
  const namespace = `/api/v1/namespaces/${pod.metadata?.namespace}`;
  for (const volume of pod.spec?.volumes ?? []) {
    const own = join(folder, volume.name);
    if (volume.persistentVolumeClaim !== undefined) {
      const path = `${namespace}/persistentvolumeclaims/${volume.persistentVolumeClaim.claimName}`;
      const claim = await cluster.find<V1PersistentVolumeClaim>(path);
      if (claim?.status?.phase !== 'Bound') return undefined;
      const name = claim.spec?.volumeName ?? '';
      const { spec } = await cluster.call<V1PersistentVolume>(`/api/v1/persistentvolumes/${name}`);
      found.set(volume.name, spec?.hostPath?.path ?? '');
    } else if (volume.hostPath !== undefined) {
      if (volume.hostPath.path !== kubeletCheckpoints) throw new Error(`the node has no ${volume.hostPath.path}`);
      found.set(volume.name, checkpoints);
    } else {
      await mkdir(own, { recursive: true });
      found.set(volume.name, own);
      if (volume.configMap === undefined) continue;
      const map = await cluster.call<V1ConfigMap>(`${namespace}/configmaps/${volume.configMap.name}`);
      for (const [file, text] of Object.entries(map.data ?? {})) await writeFile(join(own, file), text);
    }
  }
  return found;
}
