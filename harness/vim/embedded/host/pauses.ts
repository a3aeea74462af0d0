import { defaultLeaseMs } from '../../../model/journal.js';
import { sleep } from '../../../util/deadline.js';
import type { ClientHandle } from '../protocol.js';

/**
 * Who froze what: a client that dies or stands still between a freeze and its thaw leaves nobody frozen. The dead man's
 * switch of the VIM for its freezes.
 */
export class Pauses {
  readonly #by = new Map<string, ClientHandle>();
  readonly #known = new WeakSet<ClientHandle>();
  readonly #gone = new WeakSet<ClientHandle>();
  readonly #watched = new WeakSet<ClientHandle>();

  /** @param silentMs a client that answers nothing for so long was stopped, or hangs; milliseconds */
  constructor(
    readonly thaw: (compute: string) => void,
    readonly silentMs = defaultLeaseMs,
  ) {}

  took(compute: string, client: ClientHandle): void {
    this.#by.set(compute, client);
    if (this.#gone.has(client)) {
      // A freeze that took until its client was dead: others have given back already, and nobody would thaw it.
      this.#thawAllOf(client);
      return;
    }
    void this.#watch(client);
    if (this.#known.has(client)) return;
    this.#known.add(client);
    client.onGone(() => {
      this.#gone.add(client);
      this.#thawAllOf(client);
    });
  }

  ended(compute: string): void {
    this.#by.delete(compute);
  }

  /** For as long as something is frozen for it, the client has to answer. */
  async #watch(client: ClientHandle): Promise<void> {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    for (;;) {
      // Most freezes are over before the first question.
      await sleep(this.silentMs / 10);
      if (![...this.#by.values()].includes(client)) break;
      if (!(await client.answers(0.9 * this.silentMs))) this.#thawAllOf(client);
    }
    this.#watched.delete(client);
  }

  #thawAllOf(client: ClientHandle): void {
    for (const [id, by] of [...this.#by]) {
      if (by !== client) continue;
      this.#by.delete(id);
      this.thaw(id);
    }
  }
}
