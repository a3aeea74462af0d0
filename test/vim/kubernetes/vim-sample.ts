import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import type { VimContext } from '../../../harness/model/vim.js';
import { until } from '../../../harness/util/deadline.js';
import { packageRoot } from '../../../harness/util/package-root.js';
import { Cluster, isConflict } from '../../../harness/vim/kubernetes/cluster.js';
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

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Role {
  readonly kind: 'Role' | 'ClusterRole';
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';

export async function shippedRoles(): Promise<Role[]> {
  const documents = parseAllDocuments(await readFile(join(deploy, 'roles.yaml'), 'utf8'));
  return documents.map((d) => d.toJS() as Role);
}

/**
 * As `kubectl apply -k` would: the shipped roles, bound to the shipped service account, or to one of another name.
 * @returns a token of it, once the API server goes by what is bound
 */
export async function bindShipped(
  cluster: Cluster,
  namespace: string,
  roles: (name: string) => boolean,
  account = 'ordeal',
): Promise<string> {
  const post = async (path: string, body: unknown) => {
    try {
      await cluster.call(path, { method: 'POST', body });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
  };
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await post(accounts, { metadata: { name: account } });
  const bind = async (role: Role) => {
    const inNamespace = role.kind === 'Role';
    const base = inNamespace ? `${rbac}/namespaces/${namespace}` : rbac;
    await post(`${base}/${inNamespace ? 'roles' : 'clusterroles'}`, role);
    if (!roles(role.metadata.name)) return;
    const name = `${role.metadata.name}-${account}${inNamespace ? '' : `-${namespace}`}`;
    await post(`${base}/${inNamespace ? 'rolebindings' : 'clusterrolebindings'}`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    });
  };
  const shipped = await shippedRoles();
  await Promise.all(shipped.map(bind));
  const { status } = await cluster.call<{ status: { token: string } }>(`${accounts}/${account}/token`, {
    method: 'POST',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  });
  const bound = shipped.filter(({ metadata }) => roles(metadata.name)).flatMap((r) => r.rules);
  const own = withToken(cluster, status.token);
  await until(`the rights of ${account} are in force`, () => areInForce(own, namespace, bound), { withinMs: 30_000 });
  return status.token;
}

function withToken({ config }: Cluster, token: string): Cluster {
  const mine = new KubeConfig();
  mine.loadFromOptions({
    clusters: config.clusters,
    users: [{ name: 'shipped', token }],
    contexts: [{ name: 'shipped', cluster: config.getCurrentCluster()?.name, user: 'shipped' }],
    currentContext: 'shipped',
  });
  return new Cluster(mine);
}

/** The authorizer learns of a binding a moment after it has been made. */
async function areInForce(own: Cluster, namespace: string, rules: readonly Rule[]): Promise<boolean> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
  const { status } = await own.call<{ status?: { resourceRules?: readonly Rule[] } }>(path, {
    method: 'POST',
    body: { spec: { namespace } },
  });
  const textOf = ({ apiGroups, resources, verbs }: Rule) => JSON.stringify([apiGroups, resources, verbs]);
  const inForce = new Set(status?.resourceRules?.map(textOf));
  return rules.every((rule) => inForce.has(textOf(rule)));
}
