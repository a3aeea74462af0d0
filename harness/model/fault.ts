import { z } from 'zod';
import { askedLoad } from './load.js';

/** What a fault strikes: a VNFC, or a virtual link as a whole, or the way from one VNFC to another on it. */
export const faultTarget = z.union([
  z.strictObject({ vnfc: z.string() }),
  z.strictObject({ link: z.string(), from: z.string().optional(), to: z.string().optional() }),
]);
export type FaultTarget = z.output<typeof faultTarget>;

/**
 * One fault, plain data, so that it can be journalled before it is injected and healed by another process.
 * `resource` names are the VIM's.
 */
export const injection = z.object({
  id: z.string(),
  runId: z.string(),
  kind: z.string(),
  vim: z.string(),
  target: faultTarget,
  params: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  /** The dead man's switch: the VIM heals by itself this many milliseconds after the injection, where it can. */
  expiresAfterMs: z.number().int().positive(),
});
export type Injection = z.output<typeof injection>;

/** What was measured at the target. The fault's own catalogue entry says whether that is the dose asked for. */
export interface FaultReading {
  /** The fault shows at the target at all. */
  readonly effective: boolean;
  /** The measured figures in the units of the parameters: { delayMs: 81.2 }. */
  readonly measured: Readonly<Record<string, number | string | boolean>>;
  /** How it was measured, for the reader of the report. */
  readonly how: string;
}

const ratio = z.number().gt(0).max(1);

/** The field's common faults and their doses. A VIM says in capabilities() which it can inject. */
export const faultParams = {
  shutdown: z.strictObject({}),
  crash: z.strictObject({}),
  stall: z.strictObject({}),
  'link-cut': z.strictObject({}),
  partition: z.strictObject({}),
  delay: z.strictObject({ delayMs: z.number().positive(), jitterMs: z.number().nonnegative().default(0) }),
  loss: z.strictObject({ ratio }),
  duplication: z.strictObject({ ratio }),
  reordering: z.strictObject({ ratio, holdBackMs: z.number().positive().default(20) }),
  corruption: z.strictObject({ ratio }),
  rate: z.strictObject({ bytesPerSecond: z.number().int().positive() }),
  'cpu-starvation': z.strictObject({ share: ratio.describe('The share of its time that the VNFC may still run.') }),
  'memory-pressure': z.strictObject({ leaveBytes: z.number().int().nonnegative() }),
  'disk-full': z.strictObject({ disk: z.string().optional(), leaveBytes: z.number().int().nonnegative().default(0) }),
  'disk-error': z.strictObject({
    disk: z.string().optional(),
    on: z.enum(['read', 'write', 'both']).default('both'),
    ratio: ratio.default(1),
  }),
  'clock-skew': z.strictObject({ offsetMs: z.number() }),
} as const;
export type FaultKind = keyof typeof faultParams;
export const faultKinds = Object.keys(faultParams) as readonly FaultKind[];

const port = z.number().int().min(1).max(65535);

/** Faults that only a platform which runs the VNFCs for somebody has: no VIM must have them, and none but such names them. */
export const platformFaultParams = {
  restart: z.strictObject({}),
  evict: z.strictObject({}),
  cordon: z.strictObject({}),
  drain: z.strictObject({}),
  scale: z.strictObject({}),
  'dns-error': z.strictObject({
    names: z.array(z.string()).default([]).describe('With * and ?; none means all names.'),
    answer: z.enum(['error', 'random']).default('error'),
  }),
  'http-abort': z.strictObject({ port, path: z.string().default('*') }),
  'http-delay': z.strictObject({ port, path: z.string().default('*'), delayMs: z.number().positive() }),
  'disk-delay': z.strictObject({ disk: z.string().optional(), delayMs: z.number().positive() }),
  'block-delay': z.strictObject({
    volume: z.string(),
    delayMs: z.number().positive(),
    jitterMs: z.number().nonnegative().default(0),
  }),
  'kernel-error': z.strictObject({
    of: z.enum(['slab', 'page', 'bio']).default('slab'),
    ratio: ratio.default(0.01),
    callchain: z.array(z.strictObject({ funcname: z.string() })).default([]),
  }),
  machine: z
    .strictObject({
      addresses: z.array(z.string()).min(1),
      action: z.string(),
      spec: z.record(z.string(), z.unknown()),
    })
    .describe('A fault of the machine below, in the words of PhysicalMachineChaos.'),
} as const;

/** Faults of a machine with disks and processes of its own: no VIM must have them, and none but one of machines names them. */
export const machineFaultParams = {
  'disk-slow': z.strictObject({ disk: z.string().optional(), bytesPerSecond: z.number().int().positive() }),
  'disk-stall': z.strictObject({ disk: z.string().optional() }),
  'process-starvation': z.strictObject({
    leave: z.number().int().min(0).max(256).default(0).describe('Processes and threads that it may still start.'),
  }),
  'process-kill': z.strictObject({ process: z.string().min(1).describe('As /proc/<pid>/comm names it.') }),
  'kernel-panic': z.strictObject({}),
  'nic-unplug': z.strictObject({ connectionPoint: z.string().optional() }),
  stress: z.strictObject({
    busyProcesses: z.number().int().nonnegative().default(1),
    memoryBytes: z.number().int().nonnegative().default(0),
  }),
} as const;
export type MachineFaultKind = keyof typeof machineFaultParams;
export const machineFaultKinds = Object.keys(machineFaultParams) as readonly MachineFaultKind[];

/** Load is a fault of those who use the service: Ordeal's load generator makes it at a VNFC's connection point, no VIM does. */
export const loadFaultParams = { load: askedLoad } as const;

export type PlatformFaultKind = keyof typeof platformFaultParams;
export type AnyFaultKind = FaultKind | PlatformFaultKind | MachineFaultKind | 'load';
export const anyFaultParams = {
  ...faultParams,
  ...platformFaultParams,
  ...machineFaultParams,
  ...loadFaultParams,
} as const;
export const platformFaultKinds = Object.keys(platformFaultParams) as readonly PlatformFaultKind[];
