import { sleep } from '../util/deadline.js';

/**
 * Requests whose deadline has passed and whose answer is still out: they may yet take effect. A clean-up waits for
 * them a while, and cleans up once more after those that come later still.
 */
export class Overdue {
  readonly #pending = new Set<Promise<unknown>>();

  /** Passes the work on, and knows it until it has settled. */
  watch<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<void> = work.then(
      () => this.#forget(settled),
      () => this.#forget(settled),
    );
    this.#pending.add(settled);
    return work;
  }

  /** Some request is still unanswered. */
  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  #forget(settled: Promise<void>): void {
    this.#pending.delete(settled);
  }

  /** @returns whether all have settled within `waitMs` */
  async wait(waitMs: number): Promise<boolean> {
    if (!this.isPending) return true;
    const all = Promise.all(this.#pending);
    return (await Promise.race([all.then(() => true), sleep(waitMs)])) === true;
  }

  /** Runs once the last of those that are out now has settled. */
  afterwards(work: () => Promise<void>, onFailure: (e: unknown) => void): void {
    Promise.all(this.#pending).then(work).catch(onFailure);
  }

  /**
   * @param cleanUp is run once the overdue ones have settled, or after `waitMs`, and then again when the last has
   * @throws what the first run of it threw
   */
  async cleanUp(waitMs: number, cleanUp: () => Promise<void>, onLateFailure: (e: unknown) => void): Promise<void> {
    const isQuiet = await this.wait(waitMs);
    await cleanUp();
    if (!isQuiet) this.afterwards(cleanUp, onLateFailure);
  }
}
