/** How samples cross from the probe thread: numbers in one transferable array, outcomes as numbers of a shared list. */
export interface Batch {
  /** `width` numbers a sample: stream, n, intendedMs, sentMs, doneMs, code. */
  readonly rows: Float64Array;
  /** Outcomes that were not seen before, in the order of their numbers. */
  readonly newOutcomes: readonly string[];
  /** Of the rows that have any, by the number of the row. */
  readonly figures: readonly (readonly [row: number, figures: readonly number[]])[];
  /** CPU time of the probe thread so far. */
  readonly cpuMs: number;
}

export const width = 6;

/** Distinct outcomes beyond this many are told as one, so that a broken service cannot fill the memory with texts. */
const mostOutcomes = 1000;

/** ok and outcome in one number. */
export const codeOf = (ok: boolean, outcome: number): number => outcome * 2 + (ok ? 1 : 0);
export const isOk = (code: number): boolean => code % 2 === 1;
export const outcomeIn = (code: number): number => Math.floor(code / 2);

/** Gathers samples, and hands them over when `flush` is called. */
export class Batcher {
  #rows = new Float64Array(64 * width);
  #used = 0;
  #numbers = new Map<string, number>();
  #new: string[] = [];
  #figures: [number, readonly number[]][] = [];

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  add(
    stream: number,
    n: number,
    intended: number,
    sent: number,
    done: number,
    ok: boolean,
    outcome: string,
    figures?: readonly number[],
  ): void {
    if (figures !== undefined) this.#figures.push([this.#used / width, figures]);
    if (this.#used === this.#rows.length) {
      const larger = new Float64Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    const rows = this.#rows;
    rows[this.#used++] = stream;
    rows[this.#used++] = n;
    rows[this.#used++] = intended;
    rows[this.#used++] = sent;
    rows[this.#used++] = done;
    rows[this.#used++] = codeOf(ok, this.#numberOf(outcome));
  }

  /** The caller transfers rows.buffer. */
  flush(cpuMs: number): Batch {
    const batch = { rows: this.#rows.slice(0, this.#used), newOutcomes: this.#new, figures: this.#figures, cpuMs };
    this.#used = 0;
    this.#figures = [];
    this.#new = [];
    return batch;
  }

  #numberOf(outcome: string): number {
    const known = this.#numbers.get(outcome);
    if (known !== undefined) return known;
    if (this.#numbers.size >= mostOutcomes && outcome !== 'other') return this.#numberOf('other');
    const number = this.#numbers.size;
    this.#numbers.set(outcome, number);
    this.#new.push(outcome);
    return number;
  }
}
