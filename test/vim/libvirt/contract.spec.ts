import { test } from '@playwright/test';
import { vimContract } from '../../contract/vim-contract.js';
import { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { vmSample } from './vm-sample.js';

// Real VMs under emulation; the first time, packages are installed and the guest is built.
test.describe.configure({ timeout: 240_000 });

vimContract('libvirt', {
  gaps: {
    'OP-revert.host': 'no migration',
    'OP-update.snapshot': 'frozen images are never written',
    storage: 'no hot-unplug of disks',
    'replay.record': 'QEMU does not replay to the end every time',
    'fault.process-starvation': 'a guest is no control group',
  },
  alsoFaults: {
    'disk-slow': { bytesPerSecond: 200_000 },
    'disk-stall': {},
    // The guest's init starts it again.
    'process-kill': { process: 'sleep' },
    stress: { busyProcesses: 1, memoryBytes: 4 * 2 ** 20 },
    'nic-unplug': {},
    'kernel-panic': {},
  },
  async make() {
    test.setTimeout(600_000);
    const host = await LibvirtHost.start().catch((e: Error) => {
      console.log(`Real VMs are skipped: ${e.message}`);
      test.skip(true, e.message);
      throw e;
    });
    try {
      const sample = await vmSample(host);
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
