import { monotonicMs } from '../../util/monotonic.js';
import { seededRandom } from '../../util/random.js';
import { DelayQueue } from './delay-queue.js';
import type { Frame, Impairment } from './switch.js';

type Pass = Impairment['pass'];

/** What a link may hold back before it drops, when it is slower than what is sent: one second's worth. */
const queueMs = 1000;

export type LinkFault =
  | { readonly kind: 'link-cut' | 'partition' }
  | { readonly kind: 'delay'; readonly delayMs: number; readonly jitterMs: number }
  | { readonly kind: 'loss' | 'duplication' | 'corruption'; readonly ratio: number }
  | { readonly kind: 'reordering'; readonly ratio: number; readonly holdBackMs: number }
  | { readonly kind: 'rate'; readonly bytesPerSecond: number };

/** A fault of the network. The same seed gives the same choices for the same sequence of frames. */
export function impairment(id: string, fault: LinkFault, seed: number, matches: (frame: Frame) => boolean): Impairment {
  const queue = new DelayQueue();
  const traffic = seededRandom(seed);
  // Frames that measure have dice of their own, so that measuring does not change what happens to the traffic.
  const probes = seededRandom(seed ^ 0x5eed);
  const chance = (frame: Frame): number => (frame.probe ? probes() : traffic());
  return { id, matches, pass: passes(fault, queue, chance), end: () => queue.flush() };
}

function passes(fault: LinkFault, queue: DelayQueue, chance: (frame: Frame) => number): Pass {
  switch (fault.kind) {
    case 'link-cut':
    case 'partition':
      return () => {};
    case 'loss':
      return (frame, forward) => {
        if (chance(frame) >= fault.ratio) forward(frame);
      };
    case 'duplication':
      return (frame, forward) => {
        forward(frame);
        if (chance(frame) < fault.ratio) forward(frame);
      };
    case 'corruption':
      return (frame, forward) => {
        const corrupt = chance(frame) < fault.ratio && frame.data.length > 0;
        forward(corrupt ? { ...frame, data: flipped(frame.data, chance(frame)) } : frame);
      };
    case 'reordering':
      return (frame, forward) => {
        if (chance(frame) < fault.ratio) queue.at(monotonicMs() + fault.holdBackMs, () => forward(frame));
        else forward(frame);
      };
    case 'delay': {
      const last = new Map<string, number>();
      return (frame, forward) => {
        const jitter = fault.jitterMs === 0 ? 0 : (2 * chance(frame) - 1) * fault.jitterMs;
        const way = wayOf(frame);
        // Jitter does not reorder: that is a fault of its own.
        const due = Math.max(last.get(way) ?? 0, monotonicMs() + Math.max(0, fault.delayMs + jitter));
        last.set(way, due);
        queue.at(due, () => forward(frame));
      };
    }
    case 'rate': {
      const busyUntil = new Map<string, number>();
      return (frame, forward) => {
        const now = monotonicMs();
        const way = wayOf(frame);
        const due =
          Math.max(now, busyUntil.get(way) ?? 0) + (1000 * Math.max(1, frame.data.length)) / fault.bytesPerSecond;
        if (due - now > queueMs && busyUntil.has(way)) return;
        busyUntil.set(way, due);
        queue.at(due, () => forward(frame));
      };
    }
  }
}

const wayOf = ({ link, from, to }: Frame): string => `${link} ${from} ${to}`;

function flipped(data: Uint8Array, chance: number): Uint8Array {
  const bit = Math.floor(chance * data.length * 8);
  const copy = new Uint8Array(data);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
