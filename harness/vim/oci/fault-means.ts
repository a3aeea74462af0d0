import type { FaultReading, Injection } from '../../model/fault.js';
import type { Clocks } from './clocks.js';
import type { Containers } from './containers.js';
import type { EngineHost } from './host.js';
import { ClockSkew } from './means/clock-skew.js';
import { CpuStarvation } from './means/cpu-starvation.js';
import { DiskFull } from './means/disk-full.js';
import { DiskThrottle } from './means/disk-throttle.js';
import { DnsError } from './means/dns-error.js';
import type { Means } from './means/means.js';
import { MemoryPressure } from './means/memory-pressure.js';
import { NicUnplug } from './means/nic-unplug.js';
import { ProcessKill } from './means/process-kill.js';
import { ProcessStarvation } from './means/process-starvation.js';
import { Stall } from './means/stall.js';
import { Stress } from './means/stress.js';
import type { Power } from './power.js';

/** On what runs in one container. */
export const meansOf = (
  containers: Containers,
  power: Power,
  host: EngineHost,
  clocks: Clocks,
): ReadonlyMap<string, Means> =>
  new Map<string, Means>([
    ['stall', new Stall(containers, power)],
    ['cpu-starvation', new CpuStarvation(containers)],
    ['memory-pressure', new MemoryPressure(containers)],
    ['process-kill', new ProcessKill(containers)],
    ['disk-full', new DiskFull(containers)],
    ['disk-slow', new DiskThrottle(containers, 'disk-slow')],
    ['disk-stall', new DiskThrottle(containers, 'disk-stall')],
    ['dns-error', new DnsError(host)],
    ['nic-unplug', new NicUnplug(containers, host)],
    ['process-starvation', new ProcessStarvation(containers)],
    ['stress', new Stress(containers)],
    // Without the library there is no such fault.
    ...(clocks.library === undefined ? [] : [['clock-skew', new ClockSkew(clocks)] as const]),
  ]);

/** On the container as a whole: it ends, for once or for good. */
export const endings: Readonly<Record<string, string>> = {
  shutdown: 'SIGTERM by the engine, then SIGKILL',
  crash: 'SIGKILL',
  restart: 'SIGTERM by the engine, then SIGKILL, and a new start',
};

/** On what crosses the bridge of a virtual link. */
export const bridgeFaults: Readonly<Record<string, string>> = {
  'link-cut': 'nftables drops everything on the bridge',
  partition: 'nftables drops what one sends to the other',
  loss: 'nftables drops at random',
  rate: 'nftables drops what is over the rate',
};

const hop = (what: string): string => `a process of ours, which frames pass on their way to the containers, ${what}`;

/** On what crosses it too, where netem would be needed. */
export const hopFaults: Readonly<Record<string, string>> = {
  delay: hop('holds them back'),
  duplication: hop('passes some on twice'),
  reordering: hop('lets some be overtaken'),
  corruption: hop('flips a bit in some'),
};

/** Faults of one family on virtual links. */
export interface LinkFaults {
  inject(injection: Injection): Promise<void>;
  measure(injection: Injection): Promise<FaultReading>;
  heal(injection: Injection): Promise<void>;
}

export const linkFaults = (onBridge: LinkFaults, onHop: LinkFaults): ReadonlyMap<string, LinkFaults> =>
  new Map([
    ...Object.keys(bridgeFaults).map((kind) => [kind, onBridge] as const),
    ...Object.keys(hopFaults).map((kind) => [kind, onHop] as const),
  ]);
