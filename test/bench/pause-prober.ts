import { sleep } from '../../harness/util/deadline.js';

const EVERY_MS = 5;

/** Asks every 5 ms and remembers the longest time without an answer: a pause as a client sees it. */
export class PauseProber implements AsyncDisposable {
  #isOver = false;
  #longestMs = 0;
  readonly #asked: Promise<void>;

  constructor(ask: () => Promise<unknown>) {
    this.#asked = this.#run(ask);
  }

  async #run(ask: () => Promise<unknown>): Promise<void> {
    let last = performance.now();
    while (!this.#isOver) {
      const isAnswered = await ask().then(
        () => true,
        () => false,
      );
      const now = performance.now();
      if (isAnswered) {
        this.#longestMs = Math.max(this.#longestMs, now - last);
        last = now;
      }
      await sleep(EVERY_MS);
    }
  }

  async longestMs(): Promise<number> {
    this.#isOver = true;
    await this.#asked;
    return this.#longestMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.longestMs();
  }
}
