import { When } from '@cucumber/cucumber';
import type { FaultKind, MachineFaultKind, PlatformFaultKind } from '../harness/model/fault.js';
import { durationMs, type Span } from './parameter-types.js';
import { spanned } from './span.js';
import type { OrdealWorld } from './world.js';

/** What strikes a VNFC: the words after its name, the fault, and its dose from the words' parameters. */
const vnfcFaults: readonly [
  words: string,
  kind: FaultKind | MachineFaultKind | PlatformFaultKind,
  dose: (...words: never[]) => Record<string, unknown>,
][] = [
  ['crashes', 'crash', () => ({})],
  ['is shut down', 'shutdown', () => ({})],
  ['stalls', 'stall', () => ({})],
  ['is left {percent} of its CPU time', 'cpu-starvation', (share: number) => ({ share })],
  ['has {int} bytes of memory left', 'memory-pressure', (leaveBytes: number) => ({ leaveBytes })],
  ['has a full disk', 'disk-full', () => ({})],
  ['has a failing disk', 'disk-error', () => ({})],
  ['has a disk of {int} bytes a second', 'disk-slow', (bytesPerSecond: number) => ({ bytesPerSecond })],
  ['has a disk that answers no more', 'disk-stall', () => ({})],
  ['can start no more processes', 'process-starvation', () => ({})],
  ['can start only {int} more process(es)', 'process-starvation', (leave: number) => ({ leave })],
  ['panics', 'kernel-panic', () => ({})],
  ['loses its NICs', 'nic-unplug', () => ({})],
  ['is stressed by {int} busy process(es)', 'stress', (busyProcesses: number) => ({ busyProcesses })],
  [
    'is stressed by {int} busy process(es) and {int} bytes of memory',
    'stress',
    (busyProcesses: number, memoryBytes: number) => ({ busyProcesses, memoryBytes }),
  ],
  ['loses the process {string}', 'process-kill', (process: string) => ({ process })],
  ['is restarted', 'restart', () => ({})],
  ['is evicted', 'evict', () => ({})],
  ['is on a node that takes nothing new', 'cordon', () => ({})],
  ['is on a node that is drained', 'drain', () => ({})],
  ['is scaled away', 'scale', () => ({})],
  ['has a clock that is {duration} ahead', 'clock-skew', (offsetMs: number) => ({ offsetMs })],
  ['has a clock that is {duration} behind', 'clock-skew', (offsetMs: number) => ({ offsetMs: -offsetMs })],
];

const linkFaults: typeof vnfcFaults = [
  ['is cut', 'link-cut', () => ({})],
  ['is delayed by {duration}', 'delay', (delayMs: number) => ({ delayMs })],
  [
    'is delayed by {duration} with a jitter of {duration}',
    'delay',
    (delayMs: number, jitterMs: number) => ({ delayMs, jitterMs }),
  ],
  ['loses {percent} of its messages', 'loss', (ratio: number) => ({ ratio })],
  ['duplicates {percent} of its messages', 'duplication', (ratio: number) => ({ ratio })],
  ['reorders {percent} of its messages', 'reordering', (ratio: number) => ({ ratio })],
  ['corrupts {percent} of its messages', 'corruption', (ratio: number) => ({ ratio })],
  ['carries only {int} bytes a second', 'rate', (bytesPerSecond: number) => ({ bytesPerSecond })],
];

/** Cucumber counts a function's parameters, so each step gets one with as many as its words have. */
function register(
  subject: string,
  [words, kind, dose]: (typeof vnfcFaults)[number],
  target: (name: string) => object,
): void {
  const act = (world: OrdealWorld, name: string, parameters: unknown[], span: Span) =>
    world.act(spanned({ kind, target: target(name) as never, params: dose(...(parameters as never[])) }, span));
  const pattern = `${subject} {string} ${words}{span}`;
  switch ((words.match(/\{/g) ?? []).length) {
    case 0:
      When(pattern, function (this: OrdealWorld, name: string, span: Span) {
        return act(this, name, [], span);
      });
      break;
    case 1:
      When(pattern, function (this: OrdealWorld, name: string, a: unknown, span: Span) {
        return act(this, name, [a], span);
      });
      break;
    default:
      When(pattern, function (this: OrdealWorld, name: string, a: unknown, b: unknown, span: Span) {
        return act(this, name, [a, b], span);
      });
  }
}

for (const fault of vnfcFaults) register('the VNFC', fault, (vnfc) => ({ vnfc }));
for (const fault of linkFaults) register('the virtual link', fault, (link) => ({ link }));

When(
  'the virtual link {string} lets nothing through from {string} to {string}{span}',
  function (this: OrdealWorld, link: string, from: string, to: string, span: Span) {
    return this.act(spanned({ kind: 'partition', target: { link, from, to } }, span));
  },
);

/** A dose that goes from one figure to another, in steps. */
function ramp(words: string, kind: FaultKind, parameter: string, subject: 'vnfc' | 'link'): void {
  const named = subject === 'vnfc' ? 'the VNFC' : 'the virtual link';
  When(
    `${named} {string} ${words} in {int} steps of {duration}`,
    function (this: OrdealWorld, name: string, from: number, to: number, steps: number, stepMs: number) {
      const target = subject === 'vnfc' ? { vnfc: name } : { link: name };
      return this.act({ ramp: { kind, target }, parameter, from, to, steps, stepMs });
    },
  );
}

ramp('is delayed by {duration} to {duration}', 'delay', 'delayMs', 'link');
ramp('loses {percent} to {percent} of its messages', 'loss', 'ratio', 'link');
ramp('carries only {int} to {int} bytes a second', 'rate', 'bytesPerSecond', 'link');
ramp('is left {percent} to {percent} of its CPU time', 'cpu-starvation', 'share', 'vnfc');

When(
  /^(\d+) random faults strike (.+) within (\d+(?:\.\d+)? \w+)$/,
  function (this: OrdealWorld, count: string, names: string, within: string) {
    const links = this.session.service.descriptor.virtualLinks.map((l) => l.id);
    const targets = [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) =>
      links.includes(name) ? { link: name } : { vnfc: name },
    );
    return this.act({ random: { targets, count: Number(count), overMs: durationMs(within) } });
  },
);
