import { anyFaultParams, type Injection } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { PodChaosSpec } from './generated.js';
import type { ChaosKind, ChaosSpecs } from './kinds.js';

export type PodSelector = PodChaosSpec['selector'];

/** What stands for the target of an injection in the cluster. */
export interface ChaosTarget {
  readonly selector: PodSelector;
  /** The other side of a direction. */
  readonly peer?: PodSelector;
  readonly container?: string;
  /** Where the disk of the injection is mounted. */
  readonly mountPath?: string;
  readonly cpus?: number;
  /** The limit of the container; absent when it has none. */
  readonly memoryLimitBytes?: number;
}

type Wanted = { [K in ChaosKind]: { readonly kind: K; readonly spec: ChaosSpecs[K] } }[ChaosKind];
type Params<K extends keyof typeof anyFaultParams> = ReturnType<(typeof anyFaultParams)[K]['parse']>;
type Builders = {
  readonly [K in keyof typeof anyFaultParams]?: (params: Params<K>, target: ChaosTarget) => Wanted;
};

/** Go's time.Duration as Chaos Mesh reads it. */
export const goDuration = (ms: number): string => (Number.isInteger(ms) ? `${ms}ms` : `${Math.round(ms * 1000)}us`);
const percent = (ratio: number): string => String(Math.round(ratio * 10_000) / 100);
const ENOSPC = 28;
const EIO = 5;
const WRITES = ['write', 'create', 'mkdir', 'fallocate'];
const READS = ['read'];
const failTypes = { slab: 0, page: 1, bio: 2 } as const;

const all = ({ selector, container }: ChaosTarget) =>
  ({ mode: 'all', selector, ...(container === undefined ? {} : { containerNames: [container] }) }) as const;
const network = (action: ChaosSpecs['NetworkChaos']['action'], dose: object, { selector }: ChaosTarget): Wanted => ({
  kind: 'NetworkChaos',
  spec: { action, mode: 'all', selector, direction: 'to', ...dose },
});
const io = (spec: Omit<ChaosSpecs['IOChaos'], 'mode' | 'selector' | 'volumePath'>, target: ChaosTarget): Wanted => ({
  kind: 'IOChaos',
  spec: { ...all(target), volumePath: mounted(target), path: `${mounted(target)}/**/*`, ...spec },
});
const http = (params: { port: number; path: string }, what: object, { selector }: ChaosTarget): Wanted => ({
  kind: 'HTTPChaos',
  spec: { mode: 'all', selector, target: 'Request', ...params, ...what },
});

/** How each fault of the catalogue is said to Chaos Mesh. Doses that it has no figure for are not among them. */
const builders: Builders = {
  shutdown: (_, t) => ({ kind: 'PodChaos', spec: { action: 'pod-failure', ...all(t) } }),
  crash: (_, t) => ({ kind: 'PodChaos', spec: { action: 'container-kill', ...all(t) } }),
  'link-cut': (_, t) => network('partition', { direction: 'both' }, t),
  partition: (_, t) => network('partition', { target: { mode: 'all', selector: t.peer ?? {} } }, t),
  delay: (p, t) => network('delay', { delay: { latency: goDuration(p.delayMs), jitter: goDuration(p.jitterMs) } }, t),
  loss: (p, t) => network('loss', { loss: { loss: percent(p.ratio) } }, t),
  duplication: (p, t) => network('duplicate', { duplicate: { duplicate: percent(p.ratio) } }, t),
  corruption: (p, t) => network('corrupt', { corrupt: { corrupt: percent(p.ratio) } }, t),
  // netem holds back those that keep their place, and lets the reordered ones overtake them.
  reordering: (p, t) =>
    network(
      'delay',
      { delay: { latency: goDuration(p.holdBackMs), reorder: { reorder: percent(p.ratio), gap: 1 } } },
      t,
    ),
  // tc's "bps" is bytes a second. A bucket of 20 ms at that rate, and never less than a full frame.
  rate: (p, t) =>
    network(
      'bandwidth',
      {
        bandwidth: { rate: `${p.bytesPerSecond}bps`, limit: 65_536, buffer: Math.max(2000, p.bytesPerSecond / 50) | 0 },
      },
      t,
    ),
  'cpu-starvation': (p, t) => ({
    kind: 'StressChaos',
    // So many hogs that a fair scheduler leaves the VNFC its share.
    spec: {
      ...all(t),
      stressors: { cpu: { workers: Math.max(1, Math.round((t.cpus ?? 1) * (1 / p.share - 1))), load: 100 } },
    },
  }),
  'memory-pressure': (p, t) => {
    if (t.memoryLimitBytes === undefined) {
      throw new OrdealError('capability-missing', 'The container has no memory limit, so nothing could be left of it', {
        remedy: 'Set resources.limits.memory of the container.',
      });
    }
    const size = `${Math.max(0, t.memoryLimitBytes - p.leaveBytes)}B`;
    return { kind: 'StressChaos', spec: { ...all(t), stressors: { memory: { workers: 1, size } } } };
  },
  'disk-full': (_, t) => io({ action: 'fault', errno: ENOSPC, methods: WRITES, percent: 100 }, t),
  'disk-error': (p, t) => {
    const methods = p.on === 'both' ? [...READS, ...WRITES] : p.on === 'read' ? READS : WRITES;
    return io({ action: 'fault', errno: EIO, methods, percent: Math.max(1, Math.round(p.ratio * 100)) }, t);
  },
  'disk-delay': (p, t) => io({ action: 'latency', delay: goDuration(p.delayMs), percent: 100 }, t),
  'clock-skew': (p, t) => ({ kind: 'TimeChaos', spec: { ...all(t), timeOffset: goDuration(p.offsetMs) } }),
  'dns-error': (p, t) => ({
    kind: 'DNSChaos',
    spec: { ...all(t), action: p.answer, ...(p.names.length === 0 ? {} : { patterns: p.names }) },
  }),
  'http-abort': ({ port, path }, t) => http({ port, path }, { abort: true }, t),
  'http-delay': ({ port, path, delayMs }, t) => http({ port, path }, { delay: goDuration(delayMs) }, t),
  'kernel-error': (p, t) => ({
    kind: 'KernelChaos',
    spec: {
      ...all(t),
      failKernRequest: {
        failtype: failTypes[p.of],
        probability: Math.max(1, Math.round(p.ratio * 100)),
        callchain: p.callchain,
      },
    },
  }),
  'block-delay': (p, t) => ({
    kind: 'BlockChaos',
    spec: {
      ...all(t),
      action: 'delay',
      volumeName: p.volume,
      delay: { latency: goDuration(p.delayMs), jitter: goDuration(p.jitterMs) },
    },
  }),
  // The parameters of each action are Chaos Mesh's own: the API server checks them.
  machine: (p) => ({
    kind: 'PhysicalMachineChaos',
    spec: { mode: 'all', address: p.addresses, action: p.action, ...p.spec } as ChaosSpecs['PhysicalMachineChaos'],
  }),
};

export const chaosFaultKinds = Object.keys(builders) as readonly (keyof typeof anyFaultParams)[];

/** The kind of Chaos Mesh behind a fault of the catalogue; undefined when there is none. */
export const chaosKindOf: Readonly<Record<string, ChaosKind>> = {
  shutdown: 'PodChaos',
  crash: 'PodChaos',
  'link-cut': 'NetworkChaos',
  partition: 'NetworkChaos',
  delay: 'NetworkChaos',
  loss: 'NetworkChaos',
  duplication: 'NetworkChaos',
  corruption: 'NetworkChaos',
  reordering: 'NetworkChaos',
  rate: 'NetworkChaos',
  'cpu-starvation': 'StressChaos',
  'memory-pressure': 'StressChaos',
  'disk-full': 'IOChaos',
  'disk-error': 'IOChaos',
  'disk-delay': 'IOChaos',
  'clock-skew': 'TimeChaos',
  'dns-error': 'DNSChaos',
  'http-abort': 'HTTPChaos',
  'http-delay': 'HTTPChaos',
  'kernel-error': 'KernelChaos',
  'block-delay': 'BlockChaos',
  machine: 'PhysicalMachineChaos',
};

/**
 * The object that injects it. Its `duration` is the dead man's switch: Chaos Mesh recovers by itself when nobody comes.
 * @throws OrdealError of kind capability-missing when Chaos Mesh has no such fault
 */
export function chaosOf(injection: Injection, target: ChaosTarget): Wanted {
  const { kind, params, expiresAfterMs } = injection;
  const build = Object.hasOwn(builders, kind) ? builders[kind as keyof Builders] : undefined;
  if (build === undefined) throw new OrdealError('capability-missing', `Chaos Mesh has no fault like ${kind}`);
  const schema = anyFaultParams[kind as keyof typeof anyFaultParams];
  const checked = validate(params, `fault ${kind}`, schema, 'scenario-invalid');
  const wanted = (build as (params: unknown, target: ChaosTarget) => Wanted)(checked, target);
  return { ...wanted, spec: { ...wanted.spec, duration: goDuration(expiresAfterMs) } } as Wanted;
}

function mounted({ mountPath }: ChaosTarget): string {
  if (mountPath !== undefined) return mountPath;
  throw new OrdealError('unknown-target', 'The VNFC has no disk that the fault could strike', {
    remedy: 'Name it in the VNFC’s disks, and its volume in its deployment.',
  });
}
