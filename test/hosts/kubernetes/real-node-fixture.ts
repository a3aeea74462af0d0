import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { test as base } from './chaos-mesh-fixture.js';
import { startChaosDaemon } from './real-node/chaos-daemon.js';
import { RealNode } from './real-node/real-node.js';

export interface RealNodeWorkerFixtures {
  readonly startedNode: RealNode | string;
  readonly startedDaemon: RealNode | string;
}
interface TestFixtures {
  /** On which pods are containers. */
  readonly node: RealNode;
  /** The same, where Chaos Mesh's own controllers and daemon strike them. */
  readonly nodeWithChaosMesh: RealNode;
}

/** On a cluster with one real node. */
export const test = base.extend<TestFixtures, RealNodeWorkerFixtures>({
  startedNode: [
    async ({ startedControlPlane: plane }, use) => {
      if (typeof plane === 'string') return use(plane);
      const node = await RealNode.start(plane, new Cluster(plane.kubeConfig())).catch((e: Error) => e.message);
      await use(node);
      if (typeof node !== 'string') await node[Symbol.asyncDispose]();
    },
    { scope: 'worker', timeout: 30 * 60_000 },
  ],
  startedDaemon: [
    async ({ startedNode: node, startedChaosMesh: manager }, use) => {
      if (typeof node === 'string') return use(node);
      if (typeof manager === 'string') return use(manager);
      await use(
        await startChaosDaemon(node).then(
          () => node,
          (e: Error) => e.message,
        ),
      );
    },
    { scope: 'worker', timeout: 30 * 60_000 },
  ],
  node: async ({ startedNode }, use, testInfo) => {
    if (typeof startedNode === 'string') {
      console.log(`Tests on a real node of Kubernetes are skipped: ${startedNode}`);
      testInfo.skip(true, startedNode);
      return;
    }
    await use(startedNode);
  },
  nodeWithChaosMesh: async ({ startedDaemon }, use, testInfo) => {
    if (typeof startedDaemon === 'string') {
      console.log(`Tests of Chaos Mesh on a real node are skipped: ${startedDaemon}`);
      testInfo.skip(true, startedDaemon);
      return;
    }
    await use(startedDaemon);
  },
});
export { expect } from './fixture.js';
