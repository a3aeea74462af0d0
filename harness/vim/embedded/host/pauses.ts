import type { ClientHandle } from '../protocol.js';

/** Who froze what: a client that dies between a freeze and its thaw leaves nobody frozen. */
export class Pauses {
  readonly #by = new Map<string, ClientHandle>();
  readonly #known = new WeakSet<ClientHandle>();

  constructor(readonly thaw: (compute: string) => void) {}

  took(compute: string, client: ClientHandle): void {
    this.#by.set(compute, client);
    if (this.#known.has(client)) return;
    this.#known.add(client);
    client.onGone(() => {
      for (const [id, by] of [...this.#by]) {
        if (by !== client) continue;
        this.#by.delete(id);
        this.thaw(id);
      }
    });
  }

  ended(compute: string): void {
    this.#by.delete(compute);
  }
}
