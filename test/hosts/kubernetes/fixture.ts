import { test as base } from '@playwright/test';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { ControlPlane } from './control-plane.js';
import { installCrds } from './crds.js';

export interface WorkerFixtures {
  readonly startedControlPlane: ControlPlane | string;
}
export interface TestFixtures {
  /** Skips the test, with the reason, where there can be no control plane. */
  readonly controlPlane: ControlPlane;
  /** As an administrator. */
  readonly cluster: Cluster;
  /** A namespace of the test's own. */
  readonly namespace: string;
}

let namespaces = 0;

export const test = base.extend<TestFixtures, WorkerFixtures>({
  startedControlPlane: [
    async ({}, use) => {
      const plane = await ControlPlane.start().catch((e: Error) => e.message);
      try {
        if (typeof plane !== 'string') {
          for (const set of ['chaos-mesh', 'volume-snapshots']) await installCrds(new Cluster(plane.kubeConfig()), set);
        }
        await use(plane);
      } finally {
        if (typeof plane !== 'string') await plane[Symbol.asyncDispose]();
      }
    },
    // The first time, etcd is installed and kube-apiserver is built.
    { scope: 'worker', timeout: 30 * 60_000 },
  ],
  controlPlane: async ({ startedControlPlane: plane }, use, testInfo) => {
    if (typeof plane === 'string') {
      console.log(`Tests on a Kubernetes control plane are skipped: ${plane}`);
      testInfo.skip(true, plane);
      return;
    }
    await use(plane);
  },
  cluster: async ({ controlPlane }, use) => {
    await use(new Cluster(controlPlane.kubeConfig()));
  },
  namespace: async ({ cluster }, use) => {
    const name = `test-${process.pid}-${namespaces++}`;
    await cluster.call('/api/v1/namespaces', { method: 'POST', body: { metadata: { name } } });
    await use(name);
    await cluster.remove(`/api/v1/namespaces/${name}`);
  },
});
export { expect } from '@playwright/test';
