import { setTimeout as delay } from 'node:timers/promises';
import type { FaultReading } from '../../../model/fault.js';
import { pageBytes } from '../deployment.js';
import { boundaryDeadlineMs, type Compute } from './compute.js';
import { monotonicMs } from './control.js';
import type { ReactorThread } from './reactor-thread.js';

const round = (n: number, digits = 4): number => Number(n.toFixed(digits));

/** Sees whether a VNFC handles events: an empty one is put into its inbox. */
export async function measureStall(compute: Compute): Promise<FaultReading> {
  const { thread } = compute;
  if (thread === undefined) return notRunning(compute);
  const before = thread.control.events;
  const observedMs = 200;
  // Its answer, should it come after all, is of no interest any more.
  const answered = await thread.probe(observedMs).then(
    () => true,
    () => false,
  );
  const eventsHandled = (thread.control.events - before) | 0;
  return {
    effective: !answered && eventsHandled === 0,
    measured: { eventsHandled, answered, observedMs },
    how: 'put an empty event into its inbox and counted the events that it handled',
  };
}

export function measureEnd(compute: Compute, thread: ReactorThread | undefined, boots: number): FaultReading {
  const threadGone = thread === undefined || thread.gone;
  return {
    effective: threadGone,
    measured: { threadGone, powerState: compute.powerState, bootsSince: compute.boots - boots },
    how: 'looked for the thread that ran it, and at the power state',
  };
}

/** Gives it events that only take time, and sees how long they take in all. */
export async function measureCpuShare(compute: Compute, share: number): Promise<FaultReading> {
  const { thread } = compute;
  if (thread === undefined) return notRunning(compute);
  const eachMs = 0.5;
  const events = Math.max(20, Math.ceil((share * 400) / eachMs));
  const deadlineMs = boundaryDeadlineMs + (2 * events * eachMs) / share;
  const begin = await thread.probe(deadlineMs);
  const ends = await Promise.all(Array.from({ length: events }, () => thread.probe(deadlineMs, eachMs)));
  const tookMs = (ends.at(-1) ?? begin) - begin;
  const measured = round((events * eachMs) / tookMs);
  return {
    effective: measured < (1 + share) / 2,
    measured: { share: measured, busyMs: events * eachMs, tookMs: round(tookMs, 1) },
    how: `gave it ${events} events of ${eachMs} ms each`,
  };
}

export async function measureMemoryLimit(compute: Compute): Promise<FaultReading> {
  if (compute.thread === undefined) return notRunning(compute);
  const { pages, limitPages, refused } = await compute.thread.ask({ what: 'grow-beyond-limit' }, boundaryDeadlineMs);
  return {
    effective: refused,
    measured: { leaveBytes: Math.max(0, limitPages - pages) * pageBytes, refused },
    how: 'tried to grow its memory by one page more than is left',
  };
}

export async function measureDiskRoom(compute: Compute, indices: readonly number[]): Promise<FaultReading> {
  if (compute.thread === undefined) return notRunning(compute);
  let leaveBytes = 0;
  let refused = indices.length > 0;
  for (const index of indices) {
    const room = await compute.thread.ask({ what: 'disk-room', index }, boundaryDeadlineMs);
    leaveBytes = Math.max(leaveBytes, room.bytes);
    refused &&= room.refused;
  }
  return {
    effective: refused,
    measured: { leaveBytes, refused },
    how: 'wrote zeros to new blocks until it was refused, and undid it',
  };
}

export async function measureDiskErrors(
  compute: Compute,
  indices: readonly number[],
  on: 'read' | 'write' | 'both',
): Promise<FaultReading> {
  if (compute.thread === undefined) return notRunning(compute);
  const sum = { tries: 0, readErrors: 0, writeErrors: 0 };
  for (const index of indices) {
    const got = await compute.thread.ask({ what: 'disk-errors', index, tries: 500 }, boundaryDeadlineMs);
    sum.tries += got.tries;
    sum.readErrors += got.readErrors;
    sum.writeErrors += got.writeErrors;
  }
  const readRatio = round(sum.readErrors / Math.max(1, sum.tries));
  const writeRatio = round(sum.writeErrors / Math.max(1, sum.tries));
  const ratio = on === 'read' ? readRatio : on === 'write' ? writeRatio : Math.min(readRatio, writeRatio);
  return {
    effective: ratio > 0,
    measured: { ratio, readRatio, writeRatio, trials: sum.tries },
    how: 'read from its disks and wrote to them, by the way that it takes',
  };
}

export async function measureClock(compute: Compute): Promise<FaultReading> {
  if (compute.thread === undefined) return notRunning(compute);
  const readings: { offsetMs: number; withinMs: number }[] = [];
  for (let i = 0; i < 5; i++) {
    const before = Date.now();
    const begin = monotonicMs();
    const { wallMs } = await compute.thread.ask({ what: 'clock' }, boundaryDeadlineMs);
    const tookMs = monotonicMs() - begin;
    readings.push({ offsetMs: wallMs - (before + tookMs / 2), withinMs: tookMs / 2 + 1 });
    await delay(1);
  }
  const best = readings.sort((a, b) => a.withinMs - b.withinMs)[0] ?? { offsetMs: 0, withinMs: 0 };
  return {
    effective: Math.abs(best.offsetMs) > best.withinMs,
    measured: { offsetMs: round(best.offsetMs, 1), withinMs: round(best.withinMs, 1) },
    how: 'read its clock and ours',
  };
}

const notRunning = (compute: Compute): FaultReading => ({
  effective: false,
  measured: { powerState: compute.powerState },
  how: 'the VNFC is not running, so that nothing can be measured at it',
});
