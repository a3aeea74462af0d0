import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import type { ControlPlane } from '../../hosts/kubernetes/control-plane.js';
import type { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { bindShipped } from './vim-sample.js';

const scenario = join(packageRoot, 'scenarios', 'session-kubernetes');

/**
 * The sample service as a user would have it in a folder of his own, for a namespace of this cluster, under the shipped roles.
 * @param roles those that are bound; absent: all
 * @param adapt what is to be another here in the manifests
 * @returns the folder
 */
export async function sessionService(
  plane: ControlPlane,
  cluster: Cluster,
  namespace: string,
  { services }: Pick<PlayedCluster, 'services'>,
  roles: (name: string) => boolean = () => true,
  adapt: (manifests: string) => string = (manifests) => manifests,
): Promise<string> {
  const folder = join(plane.folder, namespace, 'session-kubernetes');
  await mkdir(folder, { recursive: true });
  await cp(join(scenario, 'online-testing.feature'), join(folder, 'online-testing.feature'));
  await cp(join(scenario, 'vnfd'), join(folder, 'vnfd'), { recursive: true });
  const manifests = adapt(await readFile(join(scenario, 'manifests.yaml'), 'utf8'));
  await writeFile(join(folder, 'manifests.yaml'), manifests);
  const token = await bindShipped(cluster, namespace, roles);
  const service = parseDocument(
    (await readFile(join(scenario, 'service.yaml'), 'utf8')).replace('http://gateway', await services.reach('gateway')),
  );
  service.setIn(['vims', 'kubernetes', 'namespace'], namespace);
  service.setIn(['vims', 'kubernetes', 'kubeconfig'], await plane.writeKubeConfig(namespace, token));
  await writeFile(join(folder, 'service.yaml'), String(service));
  return folder;
}
