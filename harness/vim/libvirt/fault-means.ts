import { type Capability, no, yes } from '../../model/capability.js';

const noSwitch = 'heals by `ordeal recover` or the guard: libvirt has no timer that would heal by itself';

export const faultMeans: Readonly<Record<string, string>> = {
  shutdown: 'guest agent or power button, then destroy',
  crash: 'QEMU is ended',
  stall: 'vCPUs are stopped',
  'link-cut': 'the link of the virtual NICs is set down',
  'cpu-starvation': 'a bandwidth limit of the cgroup on each vCPU',
  'memory-pressure': 'the balloon takes the guest memory',
  'disk-error': 'blkdebug is put under the image while the guest runs',
};

export function faultCapabilities(): ReadonlyMap<string, Capability> {
  const found = new Map<string, Capability>();
  for (const [kind, how] of Object.entries(faultMeans)) found.set(kind, yes(`${how}; ${noSwitch}`));
  for (const kind of ['delay', 'loss', 'duplication', 'reordering', 'corruption', 'rate', 'partition']) {
    found.set(kind, no('a virtual NIC can be cut but not impaired by libvirt; netem on the host is not driven'));
  }
  found.set('disk-full', no('the size of a disk is fixed: its file system is filled from inside the guest only'));
  found.set('clock-skew', no('the clock of a running guest is set by its own agent only, and not every agent can'));
  return found;
}
