import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { VimContext } from '../../../harness/model/vim.js';
import { packageRoot } from '../../../harness/util/package-root.js';
import { type Cluster, isConflict } from '../../../harness/vim/kubernetes/cluster.js';
import { twoPods } from './two-pods.js';

const deploy = join(packageRoot, 'harness', 'vim', 'kubernetes', 'deploy');

/** Two VNFCs, each the pod of a Deployment, behind a Service. */
export async function deployService(cluster: Cluster, namespace: string): Promise<void> {
  for (const name of ['subject', 'peer']) {
    const labels = { app: name };
    const env = [{ name: 'DB_PASSWORD', value: 'hunter2' }];
    const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'store:1', env }] } };
    await cluster.call(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      method: 'POST',
      body: { metadata: { name }, spec: { replicas: 1, selector: { matchLabels: labels }, template } },
    });
    await cluster.call(`/api/v1/namespaces/${namespace}/services`, {
      method: 'POST',
      body: { metadata: { name }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
    });
  }
}

export function contextOf(namespace: string, kubeconfig: string, folder: string): VimContext {
  const descriptor = twoPods('two-pods', { deployment: { container: 'main' } });
  return {
    service: { file: 'two-pods.yaml', folder, descriptor },
    stateFolder: folder,
    options: { kubeconfig, namespace },
  };
}

interface Role {
  readonly kind: 'Role' | 'ClusterRole';
  readonly metadata: { readonly name: string };
}

/** As `kubectl apply -k` would: the shipped roles, bound to the shipped service account. @returns a token of it */
export async function bindShipped(
  cluster: Cluster,
  namespace: string,
  roles: (name: string) => boolean,
): Promise<string> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const post = async (path: string, body: unknown) => {
    try {
      await cluster.call(path, { method: 'POST', body });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
  };
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await post(accounts, { metadata: { name: 'ordeal' } });
  const documents = parseAllDocuments(await readFile(join(deploy, 'roles.yaml'), 'utf8'));
  for (const role of documents.map((d) => d.toJS() as Role)) {
    const inNamespace = role.kind === 'Role';
    const base = inNamespace ? `${rbac}/namespaces/${namespace}` : rbac;
    await post(`${base}/${inNamespace ? 'roles' : 'clusterroles'}`, role);
    if (!roles(role.metadata.name)) continue;
    const name = inNamespace ? role.metadata.name : `${role.metadata.name}-${namespace}`;
    await post(`${base}/${inNamespace ? 'rolebindings' : 'clusterrolebindings'}`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'ordeal', namespace }],
    });
  }
  const { status } = await cluster.call<{ status: { token: string } }>(`${accounts}/ordeal/token`, {
    method: 'POST',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  });
  return status.token;
}
