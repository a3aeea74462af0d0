import { test as base } from '@playwright/test';
import { LibvirtHost } from './libvirt-host.js';

interface WorkerFixtures {
  readonly startedLibvirtHost: LibvirtHost | string;
}
interface TestFixtures {
  /** Skips the test, with the reason, where there can be no real VM. */
  readonly libvirtHost: LibvirtHost;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  startedLibvirtHost: [
    async ({}, use) => {
      const host = await LibvirtHost.start().catch((e: Error) => e.message);
      try {
        await use(host);
      } finally {
        if (typeof host !== 'string') await host[Symbol.asyncDispose]();
      }
    },
    // The first time, packages are installed and the guest is built.
    { scope: 'worker', timeout: 600_000 },
  ],
  libvirtHost: async ({ startedLibvirtHost: host }, use, testInfo) => {
    if (typeof host === 'string') {
      console.log(`Real VMs are skipped: ${host}`);
      testInfo.skip(true, host);
      return;
    }
    await use(host);
  },
});
export { expect } from '@playwright/test';
