import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asError } from '../../../util/errors.js';
import { LoopbackPoint } from './loopback-point.js';

const answerWithinMs = 30_000;
const longestBodyBytes = 8 * 1024 * 1024;

/** HTTP on 127.0.0.1: each request is a message, each answer too (REACTOR.md). */
export class HttpPoint extends LoopbackPoint<Server> {
  protected readonly scheme = 'http';
  readonly #pending = new Map<number, { response: ServerResponse; timer: NodeJS.Timeout }>();

  protected make(): Server {
    const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (request, response) =>
      this.#request(request, response),
    );
    server.on('clientError', (_, socket) => socket.destroy());
    return server;
  }

  protected async listen(server: Server, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port, backlog: 1024 }, resolve);
    });
    server.on('error', (e) => this.complain(`HTTP server: ${e.message}`));
    return (server.address() as AddressInfo).port;
  }

  protected shut(server: Server): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
    server.close();
    server.closeAllConnections();
  }

  answer(handle: number, data: Uint8Array): void {
    const response = this.#take(handle);
    if (response === undefined) return;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const parsed = parseAnswer(bytes);
    try {
      if (typeof parsed === 'string') throw new Error(parsed);
      response.writeHead(parsed.status, parsed.headers);
      // As text of single bytes it goes out together with the head, in one write.
      response.end(parsed.body.toString('latin1'), 'latin1');
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

  /** Reading to an end that is there already would cost more than all the rest of a small request. */
  #request(request: IncomingMessage, response: ServerResponse): void {
    const { 'content-length': announced = '0', 'transfer-encoding': coding } = request.headers;
    if (announced === '0' && coding === undefined) {
      this.#deliver(request, [], response);
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= longestBodyBytes) return chunks.push(chunk);
      refuse(response, 413, `a body may have ${longestBodyBytes} bytes`);
      return request.destroy();
    });
    request.on('error', (e) => {
      this.complain(`HTTP request failed: ${e.message}`);
      response.destroy();
    });
    request.on('end', () => this.#deliver(request, chunks, response));
  }

  #deliver(request: IncomingMessage, body: readonly Buffer[], response: ServerResponse): void {
    const handle = this.handles.next();
    const timer = setTimeout(() => {
      refuse(this.#take(handle), 504, `the VNFC did not answer within ${answerWithinMs} ms`);
    }, answerWithinMs);
    this.#pending.set(handle, { response, timer });
    response.on('close', () => this.#take(handle));
    if (!this.takeIn(handle, requestMessage(request, body))) refuse(this.#take(handle), 503, 'the VNFC is overloaded');
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
  const body = headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(headEnd + 2);
  // Without it Node.js would send the body in chunks.
  if (mayHaveLength(status) && !headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name)))
    headers.push(['content-length', String(body.length)]);
  return { status, headers, body };
}

/** Source: RFC 9110, section 8.6. */
const mayHaveLength = (status: number): boolean => status >= 200 && status !== 204 && status !== 304;
