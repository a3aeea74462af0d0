import { test as base, type TestInfo } from '@playwright/test';
import type { ContainerHost } from './container-host.js';
import { DockerHost } from './docker-host.js';
import { PodmanHost } from './podman-host.js';
import { RuncHost } from './runc-host.js';

interface WorkerFixtures {
  readonly startedDockerHost: DockerHost | string;
  readonly startedPodmanHost: PodmanHost | string;
  readonly startedRuncHost: RuncHost | string;
}
/** Each skips the test, with the reason, where there can be no such host. */
interface TestFixtures {
  readonly dockerHost: DockerHost;
  readonly podmanHost: PodmanHost;
  readonly runcHost: RuncHost;
}

// The first time, packages are installed and CRIU is fetched.
const started = { scope: 'worker', timeout: 600_000 } as const;

async function lend<H extends AsyncDisposable>(start: () => Promise<H>, use: (host: H | string) => Promise<void>) {
  const host = await start().catch((e: Error) => e.message);
  try {
    await use(host);
  } finally {
    if (typeof host !== 'string') await host[Symbol.asyncDispose]();
  }
}

async function orSkip<H extends ContainerHost>(host: H | string, use: (host: H) => Promise<void>, info: TestInfo) {
  if (typeof host === 'string') {
    console.log(`Real containers are skipped: ${host}`);
    info.skip(true, host);
    return;
  }
  await use(host);
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  startedDockerHost: [({}, use) => lend(DockerHost.start, use), started],
  startedPodmanHost: [({}, use) => lend(PodmanHost.start, use), started],
  startedRuncHost: [({}, use) => lend(RuncHost.start, use), started],
  dockerHost: ({ startedDockerHost }, use, info) => orSkip(startedDockerHost, use, info),
  podmanHost: ({ startedPodmanHost }, use, info) => orSkip(startedPodmanHost, use, info),
  runcHost: ({ startedRuncHost }, use, info) => orSkip(startedRuncHost, use, info),
});
export { expect } from '@playwright/test';
