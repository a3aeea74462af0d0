import type { VnfSnapshot } from '../model/snapshot.js';
import type { ObservationKind, RootCausePolicy } from '../model/snapshot-policy.js';
import { asError, type OrdealError } from '../util/errors.js';
import type { SnapshotEngine } from './engine.js';

export { type RootCausePolicy, rootCausePolicy } from '../model/snapshot-policy.js';

export interface Observation {
  readonly kind: ObservationKind;
  readonly vnf: string;
  /** What the VIM or the monitoring reported, for the reader. */
  readonly text: string;
}

/** What the service provider is told, success and failure alike (clause 4.2.1.5). */
export type RootCauseReport =
  | { readonly vnf: string; readonly observations: readonly Observation[]; readonly snapshot: VnfSnapshot }
  | { readonly vnf: string; readonly observations: readonly Observation[]; readonly error: OrdealError | Error };

/** Captures a VNF for root cause analysis when the policy's observations have come together (UC 4.2.1). */
export class RootCauseTrigger {
  readonly #seen: { readonly observation: Observation; readonly atMs: number }[] = [];
  readonly #quietUntilMs = new Map<string, number>();

  constructor(
    readonly engine: SnapshotEngine,
    readonly policy: RootCausePolicy,
    readonly inform: (report: RootCauseReport) => void,
    readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @returns the report when this observation was the one that was missing; it is told to `inform` as well. Never throws. */
  async observe(observation: Observation): Promise<RootCauseReport | undefined> {
    const { all, withinMs, quietMs, vnfcIds } = this.policy;
    const { vnf } = observation;
    const now = this.nowMs();
    this.#seen.push({ observation, atMs: now });
    while ((this.#seen[0]?.atMs ?? now) < now - withinMs) this.#seen.shift();
    const observations = this.#seen.map((s) => s.observation).filter((o) => o.vnf === vnf);
    const isComplete = all.every((kind) => observations.some((o) => o.kind === kind));
    if (!isComplete || now < (this.#quietUntilMs.get(vnf) ?? 0)) return undefined;
    this.#quietUntilMs.set(vnf, now + quietMs);
    const report = await this.#capture(vnf, observations, vnfcIds);
    this.inform(report);
    return report;
  }

  async #capture(vnf: string, observations: Observation[], vnfcIds: string[] | undefined): Promise<RootCauseReport> {
    try {
      const snapshot = await this.engine.create({
        vnf,
        name: 'root cause analysis',
        description: observations.map((o) => `${o.kind}: ${o.text}`).join('; '),
        purpose: 'forensic',
        sender: 'EM',
        ...(vnfcIds === undefined ? {} : { vnfcIds }),
      });
      return { vnf, observations, snapshot };
    } catch (e) {
      return { vnf, observations, error: asError(e) };
    }
  }
}
