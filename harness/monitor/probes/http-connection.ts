import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { asError } from '../../util/errors.js';
import { HttpResponse } from './http-response.js';

/** Where a request goes: the parts of an origin. */
export interface Origin {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
}

/** One request as its bytes, and who is told of the answer. */
export interface HttpRequest {
  readonly method: string;
  readonly text: string;
  readonly encoding: 'latin1' | 'utf8';
  readonly wantsBody: boolean;
  answered(response: HttpResponse): void;
  failed(error: Error): void;
}

/** The other side closed the connection before its answer was complete. */
class Closed extends Error {
  readonly code = 'closed';
}

/** Without a word of the server about it, a connection is not used again after so much silence. */
const usuallyKeptMs = 4000;
/** What the server says is from its own clock, and the request is on its way for a while. */
const closesEarlierMs = 1000;

/** All reads of a thread go through it: what is not used up at once is copied. */
const readInto = Buffer.allocUnsafe(64 * 1024);

/** One kept connection, and at most one request on it. */
export class HttpConnection {
  readonly #socket: Socket;
  #request: HttpRequest | undefined;
  #response: HttpResponse | undefined;
  #idleFromMs = 0;
  #keptMs = usuallyKeptMs;
  #isOver = false;

  /** @param idle is told that the next request may come; gone, that none may any more */
  constructor(
    origin: Origin,
    private readonly idle: (connection: HttpConnection) => void,
    private readonly gone: (connection: HttpConnection) => void,
  ) {
    const socket = origin.isSecure ? this.#secure(origin) : this.#plain(origin);
    socket.setNoDelay(true);
    socket.on('end', () => this.#end());
    socket.on('error', (e) => this.#fail(e));
    socket.on('close', () => this.#fail(new Closed()));
    this.#socket = socket;
  }

  /** Whether the server will still be there for a request that is sent now. */
  isFresh(nowMs: number): boolean {
    return !this.#isOver && nowMs - this.#idleFromMs < this.#keptMs;
  }

  /** Prerequisite: it is new, or was told as idle. */
  send(request: HttpRequest): void {
    this.#request = request;
    this.#response = new HttpResponse(request.method, request.wantsBody);
    this.#socket.write(request.text, request.encoding);
  }

  /** Nobody is told any more. Idempotent. */
  destroy(): void {
    this.#request = undefined;
    this.#isOver = true;
    this.#socket.destroy();
  }

  #plain({ host, port }: Origin): Socket {
    // Into one buffer: one of 64 KiB for every read is most of what a read costs.
    const onread = {
      buffer: readInto,
      callback: (length: number) => {
        this.#take(readInto.subarray(0, length));
        return true;
      },
    };
    return connect({ host, port, onread });
  }

  #secure({ host, port }: Origin): Socket {
    const servername = isIP(host) === 0 ? host : '';
    const socket = connectSecurely({ host, port, servername, ALPNProtocols: ['http/1.1'] });
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    return socket;
  }

  #take(bytes: Buffer): void {
    const response = this.#response;
    if (response === undefined || this.#isOver) {
      this.#giveUp();
      return;
    }
    try {
      if (response.take(bytes)) this.#finish(response);
    } catch (e) {
      this.#fail(asError(e));
    }
  }

  #finish(response: HttpResponse): void {
    const request = this.#request;
    this.#request = undefined;
    this.#response = undefined;
    if (response.canBeReused) {
      this.#idleFromMs = performance.now();
      if (response.keptMs !== undefined) this.#keptMs = Math.max(0, response.keptMs - closesEarlierMs);
      this.idle(this);
    } else {
      this.#giveUp();
    }
    request?.answered(response);
  }

  #end(): void {
    const response = this.#response;
    if (response?.end()) this.#finish(response);
    else this.#fail(new Closed());
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    const request = this.#request;
    this.#giveUp();
    request?.failed(error);
  }

  #giveUp(): void {
    if (this.#isOver) return;
    this.destroy();
    this.gone(this);
  }
}
