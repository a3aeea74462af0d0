import { type Dispatcher, Pool } from 'undici';
import type { ProbeSpec } from '../../model/network-service.js';
import { asError, OrdealError } from '../../util/errors.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';
import { type Fill, isExpected, template } from './template.js';

export type HttpSpec = Extract<ProbeSpec, { kind: 'http' }>;

/** An answer longer than this is not compared any further. */
const longestBody = 1024 * 1024;

/** What is sent where, cut from the templates once, as it is filled in for every request. */
interface Aim {
  readonly base: string | undefined;
  readonly pool: Pool;
  readonly path: Fill;
  readonly body: Fill | undefined;
  readonly wanted: Fill | undefined;
}

/** HTTP over a pool of kept connections to the origin, one request a connection at a time. */
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
    const { pool, path, body, wanted } = this.#aim;
    const request = new Request(done, this.#statuses, wanted?.(key), this.#spec.expect.exact ?? false);
    const method = this.#spec.method as Dispatcher.HttpMethod;
    try {
      pool.dispatch({ path: path(key), method, body: body?.(key) ?? null }, request);
    } catch (e) {
      request.onResponseError(undefined, asError(e));
    }
    return () => request.abort();
  }

  moveTo(base: string): void {
    const left = this.#aim;
    if (base === left.base) return;
    this.#aim = aimAt(this.#spec, base);
    // What is under way there ends there, or in the loop's timeout.
    left.pool.close().catch(() => left.pool.destroy());
  }

  close(): Promise<void> {
    return this.#aim.pool.destroy();
  }
}

function aimAt(spec: HttpSpec, base: string | undefined): Aim {
  const { origin, path } = httpTarget(spec, base);
  // The loop keeps the deadlines, from one clock for all probes; undici only has to give up connecting some time.
  const pool = new Pool(origin, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout: spec.timeoutMs });
  return {
    base,
    pool,
    path: template(path, base, encodeURIComponent),
    body: spec.body === undefined ? undefined : template(spec.body, base),
    wanted: spec.expect.body === undefined ? undefined : template(spec.expect.body, base),
  };
}

const aborted = new Error('The probe gave up on this request');

class Request implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #status = 0;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(
    private readonly done: Done,
    private readonly statuses: ReadonlySet<number>,
    private readonly wanted: string | undefined,
    private readonly exact: boolean,
  ) {}

  abort(): void {
    this.#over = true;
    this.#controller?.abort(aborted);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(aborted);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.wanted === undefined || this.#bodyBytes > longestBody) return;
    this.#body.push(chunk);
    this.#bodyBytes += chunk.length;
  }

  onResponseEnd(): void {
    const status = String(this.#status);
    if (!this.statuses.has(this.#status)) this.#finish(false, status);
    else if (this.#isAsWanted()) this.#finish(true, status);
    else this.#finish(false, `${status} other body`);
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish(false, outcomeOf(error));
  }

  #isAsWanted(): boolean {
    return this.wanted === undefined || isExpected(Buffer.concat(this.#body).toString(), this.wanted, this.exact);
  }

  #finish(ok: boolean, outcome: string): void {
    if (this.#over) return;
    this.#over = true;
    this.done(ok, outcome);
  }
}

/** @throws OrdealError of kind scenario-invalid, before anything is sent */
function httpTarget(spec: HttpSpec, base: string | undefined): { origin: string; path: string } {
  const where = `probe "${spec.id}"`;
  if (spec.url.includes('{base}') && base === undefined) {
    throw new OrdealError('scenario-invalid', 'The url starts from {base}, but no connection point is named', {
      where,
      got: spec.url,
      remedy: 'Add connectionPoint: <vnfc>.<connection point> to the probe.',
    });
  }
  const url = spec.url.replaceAll('{base}', base?.replace(/\/+$/, '') ?? '');
  const [, origin, path] = /^(https?:\/\/[^/?#\s{}]+)([^#\s]*)$/.exec(url) ?? [];
  if (origin === undefined || !URL.canParse(origin)) {
    throw new OrdealError('scenario-invalid', 'The url cannot be used', {
      where,
      expected: 'http:// or https://, a host, and {key} in the path only',
      got: url,
    });
  }
  return { origin, path: path?.startsWith('/') ? path : `/${path ?? ''}` };
}
