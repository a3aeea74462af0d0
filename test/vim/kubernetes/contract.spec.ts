import { test } from '@playwright/test';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { vimContract } from '../../contract/vim-contract.js';
import { ControlPlane } from '../../hosts/kubernetes/control-plane.js';
import { installCrds } from '../../hosts/kubernetes/crds.js';
import { podSample } from './pod-sample.js';

// The first time, etcd is installed and kube-apiserver is built.
test.describe.configure({ timeout: 120_000 });

const lost = 'a pod boots: nothing brings its memory back';
const csi = 'the CSI driver decides it';
const unmeasured = 'nothing in the API shows the dose';
const noMeans = 'neither Kubernetes nor Chaos Mesh has a means';

vimContract('kubernetes', {
  gaps: {
    'OP-create.quiesce': 'nothing in a pod answers',
    'OP-create.atomic': 'memory and volumes by different programs',
    'OP-create.path': 'where the CSI driver puts them',
    'OP-revert.tcp-established': lost,
    'OP-revert.file-locks': lost,
    'OP-revert.state': 'on or off',
    'OP-revert.force': lost,
    'OP-revert.host': 'the scheduler chooses',
    'OP-update.snapshot': 'snapshots never change',
    'OP-delete.consolidate': csi,
    'OP-export.image-files': 'volumes stay with their driver',
    'OP-import.image-files': 'volumes stay with their driver',
    'TQ-memory.internal': 'an archive of its own',
    'TQ-disk.sequential': csi,
    'TQ-disk.incremental': csi,
    'TQ-disk.internal': 'objects of the CSI driver',
    pause: 'nothing freezes a pod',
    storage: 'volumes of a running pod do not change',
    replay: 'inputs are not recorded',
    'fault.stall': noMeans,
    'fault.loss': unmeasured,
    'fault.duplication': unmeasured,
    'fault.reordering': unmeasured,
    'fault.corruption': unmeasured,
    'fault.rate': unmeasured,
    'fault.cpu-starvation': unmeasured,
    'fault.memory-pressure': unmeasured,
  },
  unshown: {
    'fault.partition':
      'the Services that the tests play end a connection on the node: no pod meets the address of another',
    'fault.delay': 'the Chaos Mesh that the tests play cannot slow a link: this kernel has no netem',
    'fault.disk-full': 'the Chaos Mesh that the tests play does not get between a process and its files',
    'fault.disk-error': 'the Chaos Mesh that the tests play does not get between a process and its files',
    'fault.clock-skew': 'the Chaos Mesh that the tests play does not get between a process and its clock',
  },
  async make() {
    test.setTimeout(30 * 60_000);
    const plane = await ControlPlane.start().catch((e: Error) => {
      console.log(`The contract on a Kubernetes control plane is skipped: ${e.message}`);
      test.skip(true, e.message);
      throw e;
    });
    try {
      for (const set of ['chaos-mesh', 'volume-snapshots']) await installCrds(new Cluster(plane.kubeConfig()), set);
      const sample = await podSample(plane, 'contract');
      return {
        ...sample,
        async [Symbol.asyncDispose]() {
          await sample[Symbol.asyncDispose]();
          await plane[Symbol.asyncDispose]();
        },
      };
    } catch (e) {
      await plane[Symbol.asyncDispose]();
      throw e;
    }
  },
});
