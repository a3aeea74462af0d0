import { withDeadline } from '../util/deadline.js';
import { reasonOf } from '../util/errors.js';
import type { Deadlines } from './context.js';
import type { VimAccess } from './nfvo-relay.js';
import { Overdue } from './overdue.js';
import { pausingOf } from './vim-interfaces.js';

interface Frozen {
  readonly vnfc: string;
  readonly vim: string;
  readonly computeId: string;
  readonly overdue: Overdue;
  readonly askedAtMs: number;
  /** On the VIM's clock and on ours. */
  vimMs?: number;
  answeredAtMs?: number;
}

/**
 * Freezes VNFCs for a consistent cut, and thaws them whatever happens. A VNFC is known to it before the VIM is asked,
 * and is thawed also when the VIM answered too late or not at all.
 */
export class Freezer {
  readonly #frozen = new Map<string, Frozen>();
  readonly #thawed: Record<string, number> = {};
  #skewMs = 0;

  constructor(
    readonly access: VimAccess,
    readonly deadlines: Deadlines,
    readonly warn: ((text: string) => void) | undefined,
  ) {}

  /** Milliseconds between the first and the last freeze; within one VIM by its own clock. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** How long each VNFC stood still, in milliseconds; of those that were thawed. */
  get pausedMs(): Readonly<Record<string, number>> {
    return this.#thawed;
  }

  isFrozen(vnfc: string): boolean {
    return this.#frozen.has(vnfc);
  }

  async freeze(vnfc: string, vim: string, computeId: string): Promise<void> {
    const { vimMs } = this.deadlines;
    const pause = this.access.call(vim, `freeze ${vnfc}`, (v) => pausingOf(v).pause(computeId));
    const entry: Frozen = {
      vnfc,
      vim,
      computeId,
      askedAtMs: performance.now(),
      overdue: new Overdue(),
    };
    this.#frozen.set(vnfc, entry);
    entry.vimMs = await withDeadline(vimMs, `VIM "${vim}": to freeze ${vnfc}`, () => entry.overdue.watch(pause));
    entry.answeredAtMs = performance.now();
    this.#measure();
  }

  /** Two VIMs' clocks cannot be compared; then the skew is an upper bound by ours. */
  #measure(): void {
    const all = [...this.#frozen.values()];
    const isOneVim = new Set(all.map((f) => f.vim)).size === 1;
    const span = (times: readonly number[]) => (times.length === 0 ? 0 : Math.max(...times) - Math.min(...times));
    this.#skewMs = isOneVim
      ? span(all.flatMap((f) => f.vimMs ?? []))
      : Math.max(0, ...all.map((f) => f.answeredAtMs ?? 0)) - Math.min(...all.map((f) => f.askedAtMs));
  }

  /** Idempotent. @param vnfcs absent: all that are frozen @throws what the VIM threw, after all were tried */
  async thaw(vnfcs: readonly string[] = [...this.#frozen.keys()]): Promise<void> {
    const results = await Promise.allSettled(vnfcs.map((id) => this.#thawOne(id)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #thawOne(id: string): Promise<void> {
    const entry = this.#frozen.get(id);
    if (entry === undefined) return;
    const { vnfc, vim, computeId } = entry;
    const resume = () => this.access.call(vim, `thaw ${vnfc}`, (v) => pausingOf(v).resume(computeId));
    const { vimMs, overdueMs } = this.deadlines;
    await entry.overdue.cleanUp(
      overdueMs,
      () => withDeadline(vimMs, `VIM "${vim}": to thaw ${vnfc}`, resume),
      (e) => this.warn?.(`${vnfc}: ${reasonOf(e)}`),
    );
    this.#frozen.delete(id);
    this.#thawed[id] = performance.now() - entry.askedAtMs;
  }

  /** It is off now, or somebody else's to thaw. */
  forget(vnfc: string): void {
    const entry = this.#frozen.get(vnfc);
    if (entry === undefined) return;
    this.#frozen.delete(vnfc);
    this.#thawed[vnfc] = performance.now() - entry.askedAtMs;
  }
}
