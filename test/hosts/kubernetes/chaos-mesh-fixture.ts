import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { ChaosMeshManager } from './chaos-mesh.js';
import { test as base } from './fixture.js';

export interface ChaosMeshWorkerFixtures {
  readonly startedChaosMesh: ChaosMeshManager | string;
}

/** On a control plane whose webhooks and reconcilers for faults are Chaos Mesh's own. */
export const test = base.extend<{ readonly chaosMesh: ChaosMeshManager }, ChaosMeshWorkerFixtures>({
  startedChaosMesh: [
    async ({ startedControlPlane: plane }, use) => {
      if (typeof plane === 'string') return use(plane);
      const manager = await ChaosMeshManager.start(plane, new Cluster(plane.kubeConfig())).catch(
        (e: Error) => e.message,
      );
      await use(manager);
      if (typeof manager !== 'string') await manager[Symbol.asyncDispose]();
    },
    { scope: 'worker', timeout: 30 * 60_000 },
  ],
  chaosMesh: async ({ startedChaosMesh }, use, testInfo) => {
    if (typeof startedChaosMesh === 'string') {
      console.log(`Tests on Chaos Mesh's own controllers are skipped: ${startedChaosMesh}`);
      testInfo.skip(true, startedChaosMesh);
      return;
    }
    await use(startedChaosMesh);
  },
});
export { expect } from './fixture.js';
