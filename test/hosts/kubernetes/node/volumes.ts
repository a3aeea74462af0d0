import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  V1ConfigMap,
  V1ConfigMapVolumeSource,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
} from '@kubernetes/client-node';
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
      if (volume.configMap !== undefined) await writeConfigMap(volume.configMap, cluster, namespace, own);
      if (volume.projected !== undefined) await writeAccount(pod, cluster, own);
    }
  }
  return found;
}

async function writeConfigMap(
  { name, items }: V1ConfigMapVolumeSource,
  cluster: Cluster,
  namespace: string,
  folder: string,
): Promise<void> {
  const { data = {}, binaryData = {} } = await cluster.call<V1ConfigMap>(`${namespace}/configmaps/${name}`);
  const keys = Object.keys({ ...data, ...binaryData });
  for (const { key, path } of items ?? keys.map((k) => ({ key: k, path: k }))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), data[key] ?? Buffer.from(binaryData[key] ?? '', 'base64'));
  }
}

/** As the pod's service account: a token that the API server made, and the authority of its certificate. */
async function writeAccount(pod: V1Pod, cluster: Cluster, folder: string): Promise<void> {
  const { namespace = '' } = pod.metadata ?? {};
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec?.serviceAccountName ?? 'default'}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = await cluster.call<{ status: { token: string } }>(path, { method: 'POST', body });
  const root = await cluster.call<V1ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`);
  const files = { token: status.token, 'ca.crt': root.data?.['ca.crt'] ?? '', namespace };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
}
