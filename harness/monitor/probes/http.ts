import type { ProbeSpec } from '../../model/network-service.js';
import { OrdealError } from '../../util/errors.js';
import type { HttpRequest, Origin } from './http-connection.js';
import { HttpConnections } from './http-connections.js';
import type { HttpResponse } from './http-response.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';
import { type Fill, isExpected, template } from './template.js';

export type HttpSpec = Extract<ProbeSpec, { kind: 'http' }>;

/** What is sent where, cut from the templates once, as it is filled in for every request. */
interface Aim {
  readonly base: string | undefined;
  readonly connections: HttpConnections;
  /** Everything but the body and its length. */
  readonly head: Fill;
  readonly body: Fill | undefined;
  readonly wanted: Fill | undefined;
}

/** HTTP/1.1 over kept connections to the origin, one request a connection at a time. */
export class HttpProber implements Prober {
  readonly #spec: HttpSpec;
  readonly #statuses: ReadonlySet<number>;
  #aim: Aim;

  /** @throws OrdealError of kind scenario-invalid */
  constructor(spec: HttpSpec, base: string | undefined) {
    this.#spec = spec;
    this.#statuses = new Set(spec.expect.status);
    this.#aim = aimAt(spec, base);
  }

  send(key: string, done: Done): Abort {
    const { connections, head, body, wanted } = this.#aim;
    const { method, expect } = this.#spec;
    const request = new Request(
      method,
      textOf(head(key), body?.(key)),
      body === undefined ? 'latin1' : 'utf8',
      done,
      this.#statuses,
      wanted?.(key),
      expect.exact ?? false,
    );
    const abort = connections.send(request);
    return () => {
      if (request.giveUp()) abort();
    };
  }

  moveTo(base: string): void {
    if (base === this.#aim.base) return;
    // What is under way there ends there, or in the loop's timeout.
    this.#aim.connections.retire();
    this.#aim = aimAt(this.#spec, base);
  }

  async close(): Promise<void> {
    this.#aim.connections.destroy();
  }
}

const textOf = (head: string, body: string | undefined): string =>
  body === undefined ? `${head}\r\n` : `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Methods for which a server may wait for a length, body or not. Source: RFC 9110, section 8.6. */
const announcesLength = ['POST', 'PUT', 'PATCH'];

function aimAt(spec: HttpSpec, base: string | undefined): Aim {
  const { origin, host, path } = httpTarget(spec, base);
  const length = spec.body === undefined && announcesLength.includes(spec.method) ? 'content-length: 0\r\n' : '';
  const head = `${spec.method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${length}`;
  return {
    base,
    connections: new HttpConnections(origin),
    head: template(head, base, encodeURIComponent),
    body: spec.body === undefined ? undefined : template(spec.body, base),
    wanted: spec.expect.body === undefined ? undefined : template(spec.expect.body, base),
  };
}

class Request implements HttpRequest {
  #isOver = false;

  constructor(
    readonly method: string,
    readonly text: string,
    readonly encoding: 'latin1' | 'utf8',
    private readonly done: Done,
    private readonly statuses: ReadonlySet<number>,
    private readonly wanted: string | undefined,
    private readonly exact: boolean,
  ) {}

  get wantsBody(): boolean {
    return this.wanted !== undefined;
  }

  /** @returns whether it was still under way */
  giveUp(): boolean {
    const wasUnderWay = !this.#isOver;
    this.#isOver = true;
    return wasUnderWay;
  }

  answered({ status, body }: Pick<HttpResponse, 'status' | 'body'>): void {
    if (!this.giveUp()) return;
    if (!this.statuses.has(status)) this.done(false, String(status));
    else if (this.wanted === undefined || isExpected(body, this.wanted, this.exact)) this.done(true, String(status));
    else this.done(false, `${status} other body`);
  }

  failed(error: Error): void {
    if (this.giveUp()) this.done(false, outcomeOf(error));
  }
}

/** @throws OrdealError of kind scenario-invalid, before anything is sent */
function httpTarget(spec: HttpSpec, base: string | undefined): { origin: Origin; host: string; path: string } {
  const where = `probe "${spec.id}"`;
  if (spec.url.includes('{base}') && base === undefined) {
    throw new OrdealError('scenario-invalid', 'The url starts from {base}, but no connection point is named', {
      where,
      got: spec.url,
      remedy: 'Add connectionPoint: <vnfc>.<connection point> to the probe.',
    });
  }
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(spec.method)) {
    throw new OrdealError('scenario-invalid', 'The method is none of HTTP', { where, got: spec.method });
  }
  const url = spec.url.replaceAll('{base}', base?.replace(/\/+$/, '') ?? '');
  const [, start, rest = ''] = /^(https?:\/\/[^/?#\s{}]+)([^#\s]*)$/.exec(url) ?? [];
  if (start === undefined || !URL.canParse(start)) {
    throw new OrdealError('scenario-invalid', 'The url cannot be used', {
      where,
      expected: 'http:// or https://, a host, and {key} in the path only',
      got: url,
    });
  }
  const { protocol, hostname, port, host } = new URL(start);
  const isSecure = protocol === 'https:';
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return {
    origin: { isSecure, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (isSecure ? 443 : 80)) },
    host,
    path: path.replace(/[^\x21-\x7e]+/g, encodeURIComponent),
  };
}
