import { type ExternalPoint, type Handles, portError, type TakeIn } from './external-point.js';

/** What every external connection point on 127.0.0.1 has in common: a port that stays the same once it was open. */
export abstract class LoopbackPoint<S> implements ExternalPoint {
  #socket: S | undefined;
  #port: number;

  /** @param port 0 lets the system choose */
  constructor(
    readonly name: string,
    port: number,
    readonly handles: Handles,
    readonly takeIn: TakeIn,
    readonly complain: (what: string) => void,
  ) {
    this.#port = port;
  }

  protected abstract readonly scheme: string;
  protected abstract make(): S;
  /** @returns the port that it listens on */
  protected abstract listen(socket: S, port: number): Promise<number>;
  protected abstract shut(socket: S): void;
  abstract answer(handle: number, data: Uint8Array): void;
  abstract turnAwaySince(handle: number): void;

  get address(): string {
    return `${this.scheme}://127.0.0.1:${this.#port}`;
  }
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }
  protected get socket(): S | undefined {
    return this.#socket;
  }

  async open(): Promise<void> {
    if (this.#socket !== undefined) return;
    const socket = this.make();
    this.#socket = socket;
    try {
      this.#port = await this.listen(socket, this.#port);
    } catch (e) {
      if (this.#socket === socket) this.#socket = undefined;
      throw portError(e, this.name, this.#port);
    }
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) this.shut(socket);
  }
}
