import type { Sample } from '../model/probe.js';
import { isOk, outcomeIn } from './batch.js';

/** A code that no sample has: the answer is still awaited. */
const awaited = 0xffff;

/** Samples of one stream by their number, in columns: 26 bytes a sample, so that an hour at 1 kHz fits in the memory. */
export class SampleColumns {
  #intended = new Float64Array(1024);
  #sent = new Float64Array(1024);
  #done = new Float64Array(1024);
  #code = new Uint16Array(1024).fill(awaited);
  /** Few streams have any, and those are slow ones. */
  readonly #figures = new Map<number, readonly number[]>();
  #complete = 0;
  #prefix = 0;

  /**
   * @param outcomes the texts of the outcome numbers; grows while samples come
   * @param figureIds in the order of the figures of a sample
   */
  constructor(
    private readonly probe: string,
    private readonly outcomes: readonly string[],
    private readonly figureIds: readonly string[] = [],
  ) {}

  /** How many are complete. */
  get complete(): number {
    return this.#complete;
  }

  /** Every sample with a smaller number is complete. */
  get prefix(): number {
    return this.#prefix;
  }

  put(n: number, intendedMs: number, sentMs: number, doneMs: number, code: number, figures?: readonly number[]): void {
    if (figures !== undefined) this.#figures.set(n, figures);
    if (n >= this.#code.length) this.#grow(n);
    this.#intended[n] = intendedMs;
    this.#sent[n] = sentMs;
    this.#done[n] = doneMs;
    this.#code[n] = code;
    this.#complete++;
    while (this.#prefix < this.#code.length && this.#code[this.#prefix] !== awaited) this.#prefix++;
  }

  /** The complete ones with from <= number < to. */
  slice(from: number, to: number): Sample[] {
    const samples: Sample[] = [];
    for (let n = from; n < Math.min(to, this.#code.length); n++) {
      if (this.#code[n] !== awaited) samples.push(this.at(n));
    }
    return samples;
  }

  /** Prerequisite: sample n is complete. */
  at(n: number): Sample {
    const code = this.#code[n] as number;
    return {
      probe: this.probe,
      intendedMs: this.#intended[n] as number,
      sentMs: this.#sent[n] as number,
      doneMs: this.#done[n] as number,
      ok: isOk(code),
      outcome: this.outcomes[outcomeIn(code)] ?? '',
      ...this.#figuresAt(n),
    };
  }

  #figuresAt(n: number): Pick<Sample, 'figures'> {
    const read = this.#figures.get(n);
    if (read === undefined) return {};
    const named = this.figureIds.map((id, i) => [id, read[i] ?? Number.NaN] as const);
    return { figures: Object.fromEntries(named.filter(([, value]) => Number.isFinite(value))) };
  }

  /** sent - intended of every complete sample, ascending, in milliseconds. */
  lateness(): Float64Array {
    return this.#collect((n) => (this.#sent[n] as number) - (this.#intended[n] as number));
  }

  /** done - intended of every complete sample, ascending, in milliseconds. */
  latencies(): Float64Array {
    return this.#collect((n) => (this.#done[n] as number) - (this.#intended[n] as number));
  }

  /** How often each outcome came. */
  tally(): { good: number; outcomes: Record<string, number> } {
    const counts: Record<string, number> = {};
    let good = 0;
    for (const code of this.#code) {
      if (code === awaited) continue;
      if (isOk(code)) good++;
      const outcome = this.outcomes[outcomeIn(code)] ?? '';
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    return { good, outcomes: counts };
  }

  #collect(figure: (n: number) => number): Float64Array {
    const figures = new Float64Array(this.#complete);
    let i = 0;
    for (let n = 0; n < this.#code.length && i < figures.length; n++) {
      if (this.#code[n] !== awaited) figures[i++] = figure(n);
    }
    return figures.sort();
  }

  #grow(n: number): void {
    let length = this.#code.length;
    while (length <= n) length *= 2;
    const grown = (column: Float64Array) => {
      const larger = new Float64Array(length);
      larger.set(column);
      return larger;
    };
    this.#intended = grown(this.#intended);
    this.#sent = grown(this.#sent);
    this.#done = grown(this.#done);
    const code = new Uint16Array(length).fill(awaited);
    code.set(this.#code);
    this.#code = code;
  }
}

/** @param ascending sorted figures @returns the nearest-rank quantile; 0 when there are none */
export function quantile(ascending: Float64Array, share: number): number {
  const rank = Math.max(0, Math.ceil(share * ascending.length) - 1);
  return ascending[Math.min(rank, ascending.length - 1)] ?? 0;
}
