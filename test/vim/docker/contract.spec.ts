import { test } from '@playwright/test';
import { vimContract } from '../../contract/vim-contract.js';
import { DockerHost } from '../../hosts/containers/docker-host.js';
import { containerSample } from '../oci/container-sample.js';

// Real containers; the first time, packages are installed and CRIU is fetched.
test.describe.configure({ timeout: 120_000 });

const noHop = 'nftables drops, and does nothing else';

vimContract('docker', {
  gaps: {
    'OP-create.quiesce': 'no file system of its own',
    'OP-revert.host': 'no migration',
    'OP-update.snapshot': 'snapshots never change',
    'TQ-memory.internal': 'no disk image',
    'TQ-disk.incremental': 'whole copies',
    'TQ-disk.internal': 'no disk image',
    storage: 'mounts of a running container stay',
    replay: 'inputs are not recorded',
    'fault.delay': noHop,
    'fault.duplication': noHop,
    'fault.reordering': noHop,
    'fault.corruption': noHop,
    'fault.disk-full': "the host's file system",
    'fault.disk-error': 'no block device',
    'fault.clock-skew': "the host's clock",
  },
  async make() {
    test.setTimeout(600_000);
    const host = await DockerHost.start().catch((e: Error) => {
      console.log(`Real containers are skipped: ${e.message}`);
      test.skip(true, e.message);
      throw e;
    });
    try {
      const sample = await containerSample(host);
      return {
        ...sample,
        async [Symbol.asyncDispose]() {
          await sample[Symbol.asyncDispose]();
          await host[Symbol.asyncDispose]();
        },
      };
    } catch (e) {
      await host[Symbol.asyncDispose]();
      throw e;
    }
  },
});
