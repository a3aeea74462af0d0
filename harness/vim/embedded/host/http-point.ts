import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asError } from '../../../util/errors.js';
import { type ExternalPoint, type Handles, portError, type TakeIn } from './external-point.js';

const answerWithinMs = 30_000;
const longestBodyBytes = 8 * 1024 * 1024;

/** HTTP on 127.0.0.1: each request is a message, each answer too (REACTOR.md). */
export class HttpPoint implements ExternalPoint {
  #server: Server | undefined;
  #port: number;
  readonly #pending = new Map<number, { response: ServerResponse; timer: NodeJS.Timeout }>();

  constructor(
    readonly name: string,
    port: number,
    readonly handles: Handles,
    readonly takeIn: TakeIn,
    readonly complain: (what: string) => void,
  ) {
    this.#port = port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (request, response) => {
      this.#request(request, response).catch((e) => {
        this.complain(`HTTP request failed: ${asError(e).message}`);
        response.destroy();
      });
    });
    server.on('clientError', (_, socket) => socket.destroy());
    this.#server = server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: '127.0.0.1', port: this.#port, backlog: 1024 }, resolve);
      });
    } catch (e) {
      if (this.#server === server) this.#server = undefined;
      throw portError(e, this.name, this.#port);
    }
    server.on('error', (e) => this.complain(`HTTP server: ${e.message}`));
    this.#port = (server.address() as AddressInfo).port;
  }

  close(): void {
    const server = this.#server;
    this.#server = undefined;
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
    server?.close();
    server?.closeAllConnections();
  }

  answer(handle: number, data: Uint8Array): void {
    const response = this.#take(handle);
    if (response === undefined) return;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const parsed = parseAnswer(bytes);
    try {
      if (typeof parsed === 'string') throw new Error(parsed);
      response.writeHead(parsed.status, parsed.headers);
      response.end(parsed.body);
    } catch (e) {
      this.complain(`answer refused: ${asError(e).message}`);
      refuse(response, 502, 'the VNFC gave an answer that is not HTTP');
    }
  }

  turnAwaySince(handle: number): void {
    for (const h of [...this.#pending.keys()]) {
      if (h >= handle) refuse(this.#take(h), 503, 'the VNFC was reverted to a state before this request');
    }
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longestBodyBytes) return refuse(response, 413, `a body may have ${longestBodyBytes} bytes`);
      chunks.push(chunk);
    }
    const handle = this.handles.next();
    const timer = setTimeout(() => {
      refuse(this.#take(handle), 504, `the VNFC did not answer within ${answerWithinMs} ms`);
    }, answerWithinMs);
    this.#pending.set(handle, { response, timer });
    response.on('close', () => this.#take(handle));
    if (!this.takeIn(handle, requestMessage(request, chunks)))
      refuse(this.#take(handle), 503, 'the VNFC is overloaded');
  }

  #take(handle: number): ServerResponse | undefined {
    const found = this.#pending.get(handle);
    clearTimeout(found?.timer);
    this.#pending.delete(handle);
    return found?.response;
  }
}

function refuse(response: ServerResponse | undefined, status: number, reason: string): void {
  if (response === undefined || response.destroyed) return;
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'content-type': 'text/plain', 'x-ordeal': 'host' }).end(`${reason}\n`);
}

function requestMessage(request: IncomingMessage, body: readonly Buffer[]): Uint8Array {
  let head = `${request.method} ${request.url}\n`;
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) head += `${raw[i]?.toLowerCase()}: ${raw[i + 1]}\n`;
  // Not from the pool of Buffer: it would be copied to the VNFC's thread whole.
  const message = Buffer.concat([Buffer.from(`${head}\n`), ...body]);
  return message.buffer.byteLength === message.length ? message : new Uint8Array(message);
}

function parseAnswer(bytes: Buffer): { status: number; headers: [string, string][]; body: Buffer } | string {
  const headEnd = bytes.indexOf('\n\n');
  const head = bytes.subarray(0, headEnd < 0 ? bytes.length : headEnd).toString('utf8');
  const [first = '', ...lines] = head.replace(/\n$/, '').split('\n');
  const status = Number(first.trim());
  if (!Number.isInteger(status) || status < 100 || status > 599) return `"${first.slice(0, 40)}" is not an HTTP status`;
  const headers: [string, string][] = [];
  for (const line of lines) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon <= 0) return `"${line.slice(0, 40)}" is not a header`;
    headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return { status, headers, body: headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(headEnd + 2) };
}
