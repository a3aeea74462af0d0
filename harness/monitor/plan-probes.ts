import type { ProbeSpec } from '../model/network-service.js';
import type { ResolveAddress } from '../model/probe.js';
import { OrdealError } from '../util/errors.js';
import type { StreamPlan } from './probe-thread.js';
import { connectionPointOf, holdsUpItsThread, openProbe } from './probes/registry.js';

/** Above rate times timeout, so that only a thread that catches up meets the limit, and not a service that is silent. */
const spareInFlight = 32;
/** A connection, and so a file descriptor, a request. */
export const mostInFlight = 2048;
/** A process a request. */
const mostProcesses = 64;

/** @throws OrdealError of kind scenario-invalid or unknown-target for the first probe that cannot be sent */
export function planProbes(probes: readonly ProbeSpec[], resolve: ResolveAddress, seed: number): StreamPlan[] {
  const ids = new Set<string>();
  return probes.map((spec, i) => {
    if (ids.has(spec.id)) throw new OrdealError('scenario-invalid', `Two probes have the id "${spec.id}"`);
    ids.add(spec.id);
    const point = connectionPointOf(spec);
    const base = point === undefined ? undefined : resolve(point);
    // Opened and closed, as this finds what is wrong with it here and not in its thread.
    void openProbe(spec, base).close();
    return {
      spec,
      base,
      timetable: { kind: 'constant', rateHz: spec.rateHz },
      seed: seed + i,
      // Spread within the period, so that probes of the same rate do not all send at once.
      offsetMs: (1000 / spec.rateHz) * ((i * 0.618_034) % 1),
      count: Number.POSITIVE_INFINITY,
      maxInFlight: inFlightLimit(spec),
    };
  });
}

const inFlightLimit = (spec: ProbeSpec): number =>
  Math.min(
    holdsUpItsThread(spec) ? mostProcesses : mostInFlight,
    Math.ceil((spec.rateHz * spec.timeoutMs) / 1000) + spareInFlight,
  );
