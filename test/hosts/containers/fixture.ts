import { test as base } from '@playwright/test';
import { DockerHost } from './docker-host.js';

interface WorkerFixtures {
  readonly startedDockerHost: DockerHost | string;
}
interface TestFixtures {
  /** Skips the test, with the reason, where there can be no real container. */
  readonly dockerHost: DockerHost;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  startedDockerHost: [
    async ({}, use) => {
      const host = await DockerHost.start().catch((e: Error) => e.message);
      try {
        await use(host);
      } finally {
        if (typeof host !== 'string') await host[Symbol.asyncDispose]();
      }
    },
    // The first time, packages are installed and CRIU is fetched.
    { scope: 'worker', timeout: 600_000 },
  ],
  dockerHost: async ({ startedDockerHost: host }, use, testInfo) => {
    if (typeof host === 'string') {
      console.log(`Real containers are skipped: ${host}`);
      testInfo.skip(true, host);
      return;
    }
    await use(host);
  },
});
export { expect } from '@playwright/test';
