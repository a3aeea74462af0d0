import { test } from '@playwright/test';
import type { ContractOptions, ContractSample } from '../../contract/contract-sample.js';
import { vimContract } from '../../contract/vim-contract.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { containerSample } from './container-sample.js';

/** What no container VIM can do, whichever engine is above. */
export const gapsOfContainers: ContractOptions['gaps'] = {
  'OP-create.quiesce': 'no file system of its own',
  'OP-revert.host': 'no migration',
  'OP-update.snapshot': 'snapshots never change',
  'TQ-memory.internal': 'no disk image',
  'TQ-disk.incremental': 'whole copies',
  'TQ-disk.internal': 'no disk image',
  storage: 'mounts of a running container stay',
  replay: 'inputs are not recorded',
  'fault.disk-error': 'no block device',
};

/** The contract suite on real containers, or its reason why there are none. */
export function containerContract(kind: string, start: () => Promise<ContainerHost>): void {
  // The first time, packages are installed and CRIU is fetched.
  test.describe.configure({ timeout: 120_000 });
  vimContract(kind, {
    gaps: gapsOfContainers,
    alsoFaults: {
      restart: {},
      'process-kill': { process: 'sleep' },
      'process-starvation': {},
      'disk-slow': { bytesPerSecond: 400_000 },
      'disk-stall': {},
      'dns-error': {},
      'nic-unplug': {},
      stress: { busyProcesses: 2, memoryBytes: 2 ** 26 },
    },
    async make(): Promise<ContractSample> {
      test.setTimeout(600_000);
      const host = await start().catch((e: Error) => {
        console.log(`Real containers are skipped: ${e.message}`);
        test.skip(true, e.message);
        throw e;
      });
      try {
        const sample = await containerSample(host, { environment: { subject: { HELPER: '1' } } });
        return {
          ...sample,
          async [Symbol.asyncDispose]() {
            try {
              await sample[Symbol.asyncDispose]();
            } finally {
              await host[Symbol.asyncDispose]();
            }
          },
        };
      } catch (e) {
        await host[Symbol.asyncDispose]();
        throw e;
      }
    },
  });
}
