import type { Exclusion } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import type { ServiceSession } from './session.js';

/** A service is held for so many leases of its run: whoever takes a dead run over comes before anybody else. */
const leases = 3;
const shortestMs = 15_000;

/**
 * The service belongs to one run, also for machines that do not share a journal: on every VIM that can tell them. Renewed until
 * it is disposed, then given free; a process that dies leaves it to end by itself.
 */
export class ServiceClaim implements AsyncDisposable {
  readonly #lost = new AbortController();
  #renewing: NodeJS.Timeout | undefined;
  #busy: Promise<void> = Promise.resolve();
  #keep = false;

  private constructor(
    readonly exclusions: readonly Exclusion[],
    readonly runId: string,
    readonly forMs: number,
  ) {}

  /** @throws OrdealError of kind busy: another run has it; then nothing is held */
  static async of({ vims }: ServiceSession, runId: string, leaseMs: number): Promise<ServiceClaim> {
    const exclusions = [...vims.values()].flatMap((vim) => vim.exclusion ?? []);
    const claim = new ServiceClaim(exclusions, runId, Math.max(shortestMs, leases * leaseMs));
    await using undo = new Undo();
    for (const exclusion of exclusions) {
      await exclusion.claim(runId, claim.forMs);
      undo.defer('give the service free', () => exclusion.release(runId));
    }
    undo.keep();
    claim.#renewing = setInterval(() => claim.#renew(), claim.forMs / 6);
    claim.#renewing.unref();
    return claim;
  }

  /** Aborts when the service has come to belong to another run. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** What is left open is this run's to recover: the hold ends by itself, not before. */
  keep(): void {
    this.#keep = true;
  }

  #renew(): void {
    this.#busy = this.#busy.then(async () => {
      const answers = await Promise.allSettled(this.exclusions.map((e) => e.renew(this.runId, this.forMs)));
      // A VIM that does not answer now has given it to nobody; it is asked again.
      if (!answers.some((a) => a.status === 'fulfilled' && !a.value)) return;
      this.#lost.abort(
        new OrdealError('lease-lost', `The service belongs to another run than ${this.runId} now`, {
          remedy: 'This process could not be heard of for too long; what it began is given back.',
        }),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#renewing);
    await this.#busy;
    if (this.#keep) return;
    // One that cannot be given free now ends by itself.
    await Promise.allSettled(this.exclusions.map((e) => e.release(this.runId)));
  }
}
