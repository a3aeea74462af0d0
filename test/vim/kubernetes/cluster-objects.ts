import type { KubernetesObject } from '@kubernetes/client-node';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';

/** Everything of a namespace that Ordeal may make: `pods/store-1-…`. Pods go by the Deployment that they belong to. */
export async function objectsOf(cluster: Cluster, namespace: string): Promise<string[]> {
  const core = `/api/v1/namespaces/${namespace}`;
  const paths = {
    pods: `${core}/pods`,
    configmaps: `${core}/configmaps`,
    services: `${core}/services`,
    claims: `${core}/persistentvolumeclaims`,
    deployments: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    policies: `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
    leases: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
    secrets: `${core}/secrets`,
    jobs: `/apis/batch/v1/namespaces/${namespace}/jobs`,
    podchaos: `/apis/chaos-mesh.org/v1alpha1/namespaces/${namespace}/podchaos`,
  };
  const found = await Promise.all(
    Object.entries(paths).map(async ([what, path]) =>
      (await cluster.list<KubernetesObject>(path)).map(({ metadata }) => {
        const owner = metadata?.labels?.vnfc;
        return what === 'pods' && owner !== undefined ? `pods/of ${owner}` : `${what}/${metadata?.name}`;
      }),
    ),
  );
  return found
    .flat()
    .filter((name) => name !== 'configmaps/kube-root-ca.crt')
    .sort();
}
