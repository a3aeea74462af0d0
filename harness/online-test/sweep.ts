import { type SweepResult, startMonitor } from '../monitor/monitor.js';
import type { ServiceSession } from './session.js';

/** Asks for every member of a probe's population once: the proof that no state was lost. */
export async function sweepPopulation(session: ServiceSession, probe: string): Promise<SweepResult> {
  await using monitor = await startMonitor({
    probes: session.service.descriptor.probes.filter((p) => p.id === probe),
    resolve: await session.addresses(),
  });
  return monitor.sweep(probe);
}
