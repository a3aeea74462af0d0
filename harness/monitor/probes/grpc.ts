import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

export type GrpcSpec = Extract<ProbeSpec, { kind: 'grpc' }>;

/** ServingStatus of grpc/health/v1/health.proto. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const serving = 1;

/**
 * The health check that gRPC defines (github.com/grpc/grpc, doc/health-checking.md), over one kept HTTP/2 connection:
 * one call a sample. Two messages of one field each do not need a library that generates code at run time.
 */
export class GrpcProber implements Prober {
  readonly #authority: string;
  readonly #request: Buffer;
  #session: ClientHttp2Session | undefined;

  constructor(private readonly spec: GrpcSpec) {
    const host = spec.host.includes(':') ? `[${spec.host}]` : spec.host;
    this.#authority = `${spec.tls ? 'https' : 'http'}://${host}:${spec.port}`;
    this.#request = frame(spec.service);
  }

  send(_key: string, done: Done): Abort {
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      over = true;
      done(ok, outcome);
    };
    const session = this.#connected();
    const onError = (e: Error) => finish(false, outcomeOf(e));
    session.once('error', onError);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const body: Buffer[] = [];
    let code: string | undefined;
    stream.on('response', (headers) => {
      code = text(headers['grpc-status']);
      const status = headers[':status'];
      if (status !== 200) finish(false, `HTTP ${status}`);
    });
    stream.on('trailers', (trailers) => {
      code = text(trailers['grpc-status']) ?? code;
    });
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    // A stream that ends with its connection names the reason as its cause.
    stream.on('error', (e) => finish(false, outcomeOf(e.cause ?? e)));
    stream.on('close', () => {
      session.off('error', onError);
      if (code !== undefined && code !== '0') return finish(false, `grpc-status ${code}`);
      const status = code === undefined ? undefined : statusIn(Buffer.concat(body));
      if (status === undefined) finish(false, 'no answer');
      else finish(status === serving, statuses[status] ?? `status ${status}`);
    });
    stream.end(this.#request);
    return () => {
      over = true;
      stream.close(constants.NGHTTP2_CANCEL);
    };
  }

  #connected(): ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = connect(this.#authority, this.spec.ca === undefined ? {} : { ca: this.spec.ca });
    // Every request under way is told by itself; the next one connects anew.
    session.setMaxListeners(0);
    session.on('error', () => session.destroy());
    session.on('goaway', () => session.close());
    this.#session = session;
    return session;
  }

  moveTo(): void {
    // Host and port are the descriptor's own.
  }

  async close(): Promise<void> {
    this.#session?.destroy();
  }
}

const text = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Length-prefixed, uncompressed; field 1 is the name of the service. */
function frame(service: string): Buffer {
  const name = Buffer.from(service);
  const length: number[] = [];
  for (let n = name.length; ; n >>>= 7) {
    length.push(n > 127 ? (n & 127) | 128 : n);
    if (n <= 127) break;
  }
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Field 1, a small number; a message without it says UNKNOWN. @returns undefined for what is no such message */
function statusIn(body: Buffer): number | undefined {
  if (body.length < 5 || body.readUInt8(0) !== 0 || body.readUInt32BE(1) !== body.length - 5) return undefined;
  if (body.length === 5) return 0;
  return body.readUInt8(5) === 0x08 ? body.at(6) : undefined;
}
