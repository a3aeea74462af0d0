import { HttpConnection, type HttpRequest, type Origin } from './http-connection.js';
import type { Abort } from './prober.js';

/** The kept connections to one origin; as many as there are requests under way, each on its own. */
export class HttpConnections {
  readonly #all = new Set<HttpConnection>();
  /** The one that was used last is used first, so that those which are too many grow old and are left. */
  readonly #idle: HttpConnection[] = [];
  #isRetired = false;

  constructor(private readonly origin: Origin) {}

  /** @returns how to give it up, with its connection; not to be called once it was answered or has failed */
  send(request: HttpRequest): Abort {
    const connection = this.#fresh() ?? this.#open();
    connection.send(request);
    return () => this.#leave(connection);
  }

  /** No request comes any more; what is under way is answered first. */
  retire(): void {
    this.#isRetired = true;
    for (const connection of this.#idle.splice(0)) this.#leave(connection);
  }

  destroy(): void {
    this.retire();
    for (const connection of [...this.#all]) this.#leave(connection);
  }

  #fresh(): HttpConnection | undefined {
    const nowMs = performance.now();
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (found.isFresh(nowMs)) return found;
      this.#leave(found);
    }
    return undefined;
  }

  #open(): HttpConnection {
    const connection = new HttpConnection(this.origin, this.#onIdle, this.#onGone);
    this.#all.add(connection);
    return connection;
  }

  #leave(connection: HttpConnection): void {
    this.#all.delete(connection);
    connection.destroy();
  }

  readonly #onIdle = (connection: HttpConnection): void => {
    if (this.#isRetired) this.#leave(connection);
    else this.#idle.push(connection);
  };

  readonly #onGone = (connection: HttpConnection): void => {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  };
}
