import { dirname, join } from 'node:path';
import { type LocatedService, networkService } from '../../harness/model/network-service.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { readValidated } from '../../harness/util/validate.js';
import { buildScenario } from '../../scenarios/build.js';
import { Simulation } from './reactor-simulator.js';

export async function located(...path: string[]): Promise<LocatedService> {
  const file = join(packageRoot, 'scenarios', ...path);
  return { file, folder: dirname(file), descriptor: await readValidated(file, networkService) };
}

export const sessionGateway = (): Promise<LocatedService> => located('session-gateway', 'service.yaml');

/** Built, booted, ready, and with `sessions` live sessions. */
export async function simulatedGateway(seed: number, sessions = 5000): Promise<Simulation> {
  const service = await sessionGateway();
  await buildScenario(service.folder);
  const simulation = await Simulation.of(service, seed);
  simulation.run(500);
  for (let i = 1; i <= sessions; i++) {
    simulation.send('lb', 'PUT', `/sessions/user-${i}`, `state-user-${i}`, () => undefined);
    if (i % 10 === 0) simulation.run(5);
  }
  simulation.run(1500);
  return simulation;
}

export interface ProbeResult {
  sent: number;
  wrong: number;
  readonly outcomes: Map<string, number>;
  /** Milliseconds after the start at which an answer was wrong, first and last. */
  firstWrongMs?: number;
  lastWrongMs?: number;
}

/** The descriptor's probes on simulated time: open loop, keys in turn, for `forMs`. */
export function probe(
  simulation: Simulation,
  forMs: number,
  sessions = 5000,
): Record<'sessions' | 'hits' | 'health', ProbeResult> {
  const started = simulation.nowMs;
  const results = { sessions: fresh(), hits: fresh(), health: fresh() };
  const once = (result: ProbeResult, method: string, path: string, isRight: (body: string) => boolean, ok = 200) => {
    result.sent++;
    const sentMs = simulation.nowMs - started;
    simulation.send('lb', method, path, '', ({ status, body, tookMs }) => {
      const right = status === ok && isRight(body) && tookMs < 1000;
      const outcome = right ? 'right' : tookMs >= 1000 ? 'late' : status === ok ? 'other body' : String(status);
      result.outcomes.set(outcome, (result.outcomes.get(outcome) ?? 0) + 1);
      if (right) return;
      result.wrong++;
      result.firstWrongMs ??= sentMs;
      result.lastWrongMs = sentMs;
    });
  };
  const every = (periodMs: number, run: (n: number) => void) => {
    for (let n = 0; n * periodMs < forMs; n++) simulation.after(n * periodMs, () => run(n));
  };
  const key = (n: number) => `user-${1 + ((n * 7919 + Math.floor(started)) % sessions)}`;
  every(20, (n) => once(results.sessions, 'GET', `/sessions/${key(n)}`, (body) => body === `state-${key(n)}`));
  every(50, (n) => once(results.hits, 'POST', `/sessions/${key(n + 31)}/hits`, (body) => Number(body) >= 1));
  every(50, () => once(results.health, 'GET', '/health', () => true));
  simulation.run(forMs + 1100);
  return results;
}

const fresh = (): ProbeResult => ({ sent: 0, wrong: 0, outcomes: new Map() });

export interface GatewayStatus {
  readonly lb: Record<string, number>;
  readonly workers: Record<string, { up: boolean; primary: string; hasPrimary: boolean }>;
  readonly stores: Record<
    string,
    {
      role: string;
      epoch: number;
      sessions: number;
      replicated: boolean;
      behind: boolean;
      diskErrors: number;
      sequence: number;
    }
  >;
}

export const statusOf = (simulation: Simulation): GatewayStatus =>
  JSON.parse(simulation.ask('lb', 'GET', '/status').body) as GatewayStatus;

/** How many of the population answer with their state. */
export function countRight(simulation: Simulation, sessions = 5000): number {
  let right = 0;
  for (let i = 1; i <= sessions; i++) {
    simulation.send('lb', 'GET', `/sessions/user-${i}`, '', ({ status, body }) => {
      if (status === 200 && body === `state-user-${i}`) right++;
    });
    if (i % 10 === 0) simulation.run(5);
  }
  simulation.run(500);
  return right;
}
