import { type Capability, no, yes } from '../../model/capability.js';
import { BlockErrors } from './block-errors.js';
import { ClockSkew } from './clock-skew.js';
import { CpuStarvation } from './cpu-starvation.js';
import { DiskFull } from './disk-full.js';
import { DiskThrottle } from './disk-throttle.js';
import type { Domains } from './domains.js';
import { GuestStress } from './guest-stress.js';
import { KernelPanic } from './kernel-panic.js';
import type { Means } from './means.js';
import { MemoryPressure } from './memory-pressure.js';
import { NicUnplug } from './nic-unplug.js';
import { ProcessKill } from './process-kill.js';

const noSwitch = 'heals by `ordeal recover` or the guard: libvirt has no timer that would heal by itself';
const ownSwitch = 'heals by itself at its deadline';
const hop = 'frames to the guest pass a process of ours, by a netfilter of QEMU';

/** Of these the domain or its NICs are what is struck. */
const byPower: Readonly<Record<string, string>> = {
  shutdown: 'guest agent or power button, then destroy',
  crash: 'QEMU is ended',
  stall: 'vCPUs are stopped',
  'link-cut': 'the link of the virtual NICs is set down',
};
const byHop: Readonly<Record<string, string>> = {
  partition: "frames from one guest stop before the other's NIC",
  delay: hop,
  loss: hop,
  duplication: hop,
  reordering: hop,
  corruption: hop,
  rate: hop,
};
const throughAgent = ['disk-full', 'clock-skew', 'process-kill', 'kernel-panic', 'stress'];

/** Conditions inside of a domain, each by its own means. */
export function conditionsOf(domains: Domains): ReadonlyMap<string, Means> {
  const { hypervisor } = domains;
  return new Map<string, Means>([
    ['cpu-starvation', new CpuStarvation(hypervisor)],
    ['memory-pressure', new MemoryPressure(hypervisor)],
    ['disk-error', new BlockErrors(domains)],
    ['disk-slow', new DiskThrottle(domains, 'disk-slow')],
    ['disk-stall', new DiskThrottle(domains, 'disk-stall')],
    ['disk-full', new DiskFull(domains)],
    ['clock-skew', new ClockSkew(hypervisor)],
    ['process-kill', new ProcessKill(hypervisor)],
    ['kernel-panic', new KernelPanic(hypervisor)],
    ['nic-unplug', new NicUnplug(domains)],
    ['stress', new GuestStress(hypervisor)],
  ]);
}

export const faultKindsOf = (conditions: ReadonlyMap<string, Means>): string[] => [
  ...Object.keys(byPower),
  ...Object.keys(byHop),
  ...conditions.keys(),
];

/** @param agent whether a guest of the service has an agent that answers */
export function faultCapabilities(domains: Domains, agent: Capability): ReadonlyMap<string, Capability> {
  const found = new Map<string, Capability>();
  for (const [kind, how] of Object.entries(byPower)) found.set(kind, yes(`${how}; ${noSwitch}`));
  for (const [kind, how] of Object.entries(byHop)) found.set(kind, yes(`${how}; ${ownSwitch}`));
  for (const [kind, { how }] of conditionsOf(domains)) {
    const isReachable = agent.supported || !throughAgent.includes(kind);
    found.set(kind, isReachable ? yes(`${how}; ${noSwitch}`) : no(`${how}, and ${agent.reason}`));
  }
  return found;
}
