import type { Duplex } from 'node:stream';
import { CallTimeoutError, ConnectionLostError, LibvirtError } from './errors.js';
import { Deframer, frame, type Message, MessageStatus, MessageType } from './framing.js';
import { KEEPALIVE_PROGRAM, type Procedure } from './procedures.js';
import { decode, encode } from './xdr.js';

const PROTOCOL_VERSION = 1;
const PING = 1;
const PONG = 2;

interface PendingCall {
  readonly procedure: string;
  answered(message: Message): void;
  failed(e: Error): void;
}

export interface KeepaliveOptions {
  /** Milliseconds between two pings. */
  readonly everyMs: number;
  /** Pings that may stay without any word from the daemon before the connection is given up. */
  readonly count: number;
}

/** One connection to a libvirt daemon: calls matched by serial, in any order, and messages that nobody asked for. */
export class RpcConnection {
  readonly #deframer = new Deframer();
  readonly #pending = new Map<number, PendingCall>();
  readonly #listeners = new Map<number, Set<(payload: Buffer) => void>>();
  readonly #closeListeners = new Set<(why: Error) => void>();
  #serial = 0;
  #lost: Error | undefined;
  #keepalive: NodeJS.Timeout | undefined;
  #unansweredPings = 0;

  constructor(readonly socket: Duplex) {
    socket.on('data', (piece: Buffer) => this.#receive(piece));
    socket.on('error', (e) => this.#lose(new ConnectionLostError(`The connection to libvirt broke: ${e.message}`)));
    socket.on('close', () => this.#lose(new ConnectionLostError('libvirt closed the connection')));
  }

  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  /** @param why given once, when the connection ends for whatever reason. */
  onClose(listener: (why: Error) => void): void {
    if (this.#lost !== undefined) listener(this.#lost);
    else this.#closeListeners.add(listener);
  }

  /** @returns how to stop listening. @param number procedure number of the event's message */
  onMessage(number: number, listener: (payload: Buffer) => void): () => void {
    const listeners = this.#listeners.get(number) ?? new Set();
    this.#listeners.set(number, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * @param deadlineMs milliseconds; 0 means none. A late answer is thrown away; the connection stays in step.
   * @throws LibvirtError what libvirt answered; CallTimeoutError; ConnectionLostError
   */
  call<A, R>(procedure: Procedure<A, R>, args: A, deadlineMs = 30_000): Promise<R> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const { name, program, number } = procedure;
    return new Promise<R>((resolve, reject) => {
      this.#serial = (this.#serial + 1) >>> 0;
      const serial = this.#serial;
      const message = frame(
        {
          program,
          version: PROTOCOL_VERSION,
          procedure: number,
          type: MessageType.call,
          serial,
          status: MessageStatus.ok,
        },
        encode(procedure.args, args),
      );
      const timer =
        deadlineMs === 0
          ? undefined
          : setTimeout(() => {
              this.#pending.delete(serial);
              reject(new CallTimeoutError(name, deadlineMs));
            }, deadlineMs);
      this.#pending.set(serial, {
        procedure: name,
        answered: ({ header, payload }) => {
          clearTimeout(timer);
          try {
            if (header.status === MessageStatus.error) reject(LibvirtError.decode(name, payload));
            else resolve(decode(procedure.returns, payload));
          } catch (e) {
            reject(e as Error);
          }
        },
        failed: (e) => {
          clearTimeout(timer);
          reject(e);
        },
      });
      this.socket.write(message);
    });
  }

  /** Pings the daemon, so that a dead peer is noticed. The daemon must have been asked whether it knows pings. */
  startKeepalive({ everyMs, count }: KeepaliveOptions): void {
    this.#keepalive = setInterval(() => {
      if (this.#unansweredPings >= count) {
        const silentMs = everyMs * count;
        this.#lose(new ConnectionLostError(`libvirt has been silent for ${silentMs} ms`));
        return;
      }
      this.#unansweredPings++;
      this.#sendKeepalive(PING);
    }, everyMs).unref();
  }

  /** Idempotent. */
  close(): void {
    this.#lose(new ConnectionLostError('The connection to libvirt was closed'));
  }

  #receive(piece: Buffer): void {
    if (this.#lost !== undefined) return;
    this.#unansweredPings = 0;
    try {
      for (const message of this.#deframer.push(piece)) this.#dispatch(message);
    } catch (e) {
      this.#lose(new ConnectionLostError(`libvirt sent what is not its protocol: ${(e as Error).message}`));
    }
  }

  #dispatch(message: Message): void {
    const { program, procedure, type, serial } = message.header;
    if (program === KEEPALIVE_PROGRAM) {
      if (procedure === PING) this.#sendKeepalive(PONG);
    } else if (type === MessageType.reply) {
      const pending = this.#pending.get(serial);
      this.#pending.delete(serial);
      pending?.answered(message);
    } else if (type === MessageType.message) {
      for (const listener of this.#listeners.get(procedure) ?? []) listener(message.payload);
    }
  }

  #sendKeepalive(procedure: number): void {
    const header = {
      program: KEEPALIVE_PROGRAM,
      version: PROTOCOL_VERSION,
      procedure,
      type: MessageType.message,
      serial: 0,
      status: MessageStatus.ok,
    };
    this.socket.write(frame(header, Buffer.alloc(0)));
  }

  #lose(why: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    clearInterval(this.#keepalive);
    this.socket.destroy();
    for (const pending of this.#pending.values()) {
      pending.failed(new ConnectionLostError(`${why.message}, during ${pending.procedure}`));
    }
    this.#pending.clear();
    for (const listener of this.#closeListeners) listener(why);
  }
}
