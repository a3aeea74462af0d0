import type { Abort, Done, Prober } from './prober.js';

/** A kind of probe whose libraries are loaded for those who use it, and for nobody else. */
export class LateProber implements Prober {
  readonly #opening: Promise<Prober>;
  #prober: Prober | undefined;

  constructor(open: () => Promise<Prober>) {
    this.#opening = open();
    this.#opening.then(
      (prober) => {
        this.#prober = prober;
      },
      () => undefined, // ready() tells it
    );
  }

  async ready(): Promise<void> {
    await this.#opening;
  }

  send(key: string, done: Done): Abort {
    if (this.#prober !== undefined) return this.#prober.send(key, done);
    done(false, 'not ready');
    return () => undefined;
  }

  moveTo(base: string): void {
    this.#prober?.moveTo(base);
  }

  async close(): Promise<void> {
    const [opened] = await Promise.allSettled([this.#opening]);
    if (opened.status === 'fulfilled') await opened.value.close();
  }
}
