import { type Capability, no, yes } from '../../model/capability.js';

const noSwitch = 'heals by `ordeal recover` or the guard: libvirt has no timer that would heal by itself';

const ownSwitch = 'heals by itself at its deadline';
const hop = 'frames to the guest pass a process of ours, by a netfilter of QEMU';

export const faultMeans: Readonly<Record<string, string>> = {
  shutdown: 'guest agent or power button, then destroy',
  crash: 'QEMU is ended',
  stall: 'vCPUs are stopped',
  'link-cut': 'the link of the virtual NICs is set down',
  partition: "frames from one guest stop before the other's NIC",
  delay: hop,
  loss: hop,
  duplication: hop,
  reordering: hop,
  corruption: hop,
  rate: hop,
  'cpu-starvation': 'a bandwidth limit of the cgroup on each vCPU',
  'memory-pressure': 'the balloon takes the guest memory',
  'disk-error': 'blkdebug is put under the image while the guest runs',
};

const impaired: readonly string[] = [hop, faultMeans.partition ?? hop];

export function faultCapabilities(): ReadonlyMap<string, Capability> {
  const found = new Map<string, Capability>();
  for (const [kind, how] of Object.entries(faultMeans)) {
    found.set(kind, yes(impaired.includes(how) ? `${how}; ${ownSwitch}` : `${how}; ${noSwitch}`));
  }
  found.set('disk-full', no('the size of a disk is fixed: its file system is filled from inside the guest only'));
  found.set('clock-skew', no('the clock of a running guest is set by its own agent only, and not every agent can'));
  return found;
}
