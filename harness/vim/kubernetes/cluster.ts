import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import { KubeConfig, type KubernetesObject, Watch } from '@kubernetes/client-node';
import { sleep } from '../../util/deadline.js';
import { asError, errnoOf, OrdealError, reasonOf } from '../../util/errors.js';
import { ApiError, fromKubernetes, isForbidden, isTransient, readStatus } from './errors.js';

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Beside our own, for what is behind a proxy of the API server. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Merge patch when it is not said: what Ordeal changes are single fields. */
  readonly contentType?: string;
  /** Milliseconds; 0 means none. */
  readonly deadlineMs?: number;
  /** Subject and event, for the message of a failure: `Pod "upf-0" cannot be read`. */
  readonly what?: string;
}

export interface WatchedEvent<T> {
  readonly type: string;
  readonly object: T;
}

const CALL_MS = 15_000;
/** Credentials of helper programs expire; asking each time would cost a TLS handshake a call. */
const CREDENTIALS_MS = 30_000;
const STARTING_MS = 10_000;

/** The way to one API server: where it is and who we are come from a kubeconfig, or from the pod that we run in. */
export class Cluster {
  #options: { at: number; options: Promise<RequestOptions> } | undefined;

  constructor(readonly config: KubeConfig) {
    if (config.getCurrentCluster() === null) {
      throw new OrdealError('vim-unreachable', 'No Kubernetes cluster is named', {
        remedy: 'Set vims.kubernetes.kubeconfig, or KUBECONFIG, or run inside of a cluster.',
      });
    }
  }

  /** @throws OrdealError of kind file-invalid when the kubeconfig cannot be read */
  static open({ kubeconfig, context }: { kubeconfig?: string | undefined; context?: string | undefined }): Cluster {
    const config = new KubeConfig();
    try {
      if (kubeconfig === undefined) config.loadFromDefault();
      else config.loadFromFile(kubeconfig);
      if (context !== undefined) config.setCurrentContext(context);
    } catch (e) {
      throw new OrdealError('file-invalid', 'The kubeconfig cannot be read', {
        where: kubeconfig ?? 'KUBECONFIG',
        cause: e,
        remedy: 'Correct vims.kubernetes.kubeconfig.',
      });
    }
    return new Cluster(config);
  }

  get url(): string {
    return this.config.getCurrentCluster()?.server ?? '';
  }

  /** The namespace of the kubeconfig's context. */
  get namespace(): string {
    return this.config.getContextObject(this.config.getCurrentContext())?.namespace ?? 'default';
  }

  /** Short and stable: tells one cluster's state on disk from another's. */
  get id(): string {
    return createHash('sha256').update(this.url).digest('hex').slice(0, 12);
  }

  /** @throws OrdealError, classified */
  async call<T = KubernetesObject>(path: string, options: CallOptions = {}): Promise<T> {
    return (await this.#json<T>(path, options)).body;
  }

  /** With the time at which the server answered, by its own clock: milliseconds since 1970, of whole seconds. */
  async timed<T>(path: string, query: CallOptions['query'], what: string): Promise<{ body: T; serverMs: number }> {
    return this.#json<T>(path, query === undefined ? { what } : { query, what });
  }

  async #json<T>(path: string, options: CallOptions): Promise<{ body: T; serverMs: number }> {
    const answer = await this.stream(path, options);
    const body = await text(answer).catch((e: unknown) => {
      throw fromKubernetes(e, options.what ?? `${options.method ?? 'GET'} ${path} breaks off`, this.url);
    });
    try {
      return { body: JSON.parse(body) as T, serverMs: Date.parse(answer.headers.date ?? '') };
    } catch (e) {
      throw new OrdealError('vim-failed', 'The API server answered with something else than JSON', {
        where: `${this.url}${path}`,
        got: body.slice(0, 80),
        cause: e,
      });
    }
  }

  /** @returns undefined when there is none */
  async find<T = KubernetesObject>(path: string, what?: string): Promise<T | undefined> {
    try {
      return await this.call<T>(path, what === undefined ? {} : { what });
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  /** Idempotent. */
  async remove(path: string, { graceSeconds, what }: { graceSeconds?: number; what?: string } = {}): Promise<void> {
    try {
      await this.call(path, {
        method: 'DELETE',
        body: {
          propagationPolicy: 'Background',
          ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
        },
        ...(what === undefined ? {} : { what }),
      });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  async list<T>(path: string, query: CallOptions['query'] = {}, what?: string): Promise<T[]> {
    const { items } = await this.call<{ items: T[] }>(path, { query, ...(what === undefined ? {} : { what }) });
    return items;
  }

  /** The body is the caller's to read. @throws OrdealError for every status that is not 2xx */
  async stream(path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const what = options.what ?? `${options.method ?? 'GET'} ${path.split('?')[0]} fails`;
    try {
      return await this.#send(path, options);
    } catch (e) {
      throw fromKubernetes(e, what, this.url);
    }
  }

  async #send(path: string, options: CallOptions, isRepeated = false): Promise<IncomingMessage> {
    const { method = 'GET', query = {}, body, contentType, headers: more = {}, deadlineMs = CALL_MS } = options;
    const url = new URL(this.url.replace(/\/$/, '') + path);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const { headers, ...credentials } = await this.#credentials();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const answer = await this.#answer(url, payload, deadlineMs, {
      ...credentials,
      method,
      headers: {
        ...(headers as Record<string, string>),
        ...more,
        accept: 'application/json, */*',
        ...(payload === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(payload) }),
      },
    });
    const code = answer.statusCode ?? 0;
    if (code >= 200 && code <= 299) return answer;
    const status = readStatus(code, await text(answer));
    if (!isRepeated && isForbidden(status) && (await this.#hasStarted())) return this.#send(path, options, true);
    throw new ApiError(status);
  }

  /**
   * A server that was started a moment ago refuses what it will allow: it has not read the roles yet, and none of them lets
   * us ask whether it is ready. https://github.com/kubernetes/kubernetes/issues/121635
   * @returns once it is; false when it does not say so within some seconds
   */
  async #hasStarted(): Promise<boolean> {
    const end = performance.now() + STARTING_MS;
    do {
      try {
        const answer = await this.#send('/readyz', {}, true);
        answer.resume();
        return true;
      } catch (e) {
        if (!(e instanceof ApiError)) throw e;
      }
      await sleep(100);
    } while (performance.now() < end);
    return false;
  }

  #answer(
    url: URL,
    payload: string | undefined,
    deadlineMs: number,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options);
      const late = () =>
        request.destroy(Object.assign(new Error(`no answer after ${deadlineMs} ms`), { code: 'ETIMEDOUT' }));
      if (deadlineMs > 0) request.setTimeout(deadlineMs, late);
      request.once('response', resolve).once('error', (e) => {
        // The server closed a connection that was kept: it has not seen this request.
        if (request.reusedSocket && errnoOf(e) === 'ECONNRESET') {
          this.#answer(url, payload, deadlineMs, options).then(resolve, reject);
        } else reject(e);
      });
      request.end(payload);
    });
  }

  #credentials(): Promise<RequestOptions> {
    const now = performance.now();
    if (this.#options === undefined || now - this.#options.at > CREDENTIALS_MS) {
      const options: RequestOptions = { headers: {} };
      this.#options = { at: now, options: this.#authenticated(options) };
    }
    return this.#options.options;
  }

  async #authenticated(options: RequestOptions): Promise<RequestOptions> {
    try {
      await this.config.applyToHTTPSOptions(options);
    } catch (e) {
      // Such as that of a machine without a kubeconfig, for which http://localhost:8080 is made up, and then refused.
      throw new OrdealError('vim-unreachable', 'The API server cannot be reached as the kubeconfig says', {
        where: this.config.getCurrentCluster()?.server ?? 'KUBECONFIG',
        cause: e,
        remedy: 'Name vims.kubernetes.kubeconfig, or set KUBECONFIG.',
      });
    }
    // A TLS handshake for each call would cost more than the call.
    if (options.agent?.constructor !== Agent) return options;
    return { ...options, agent: new Agent({ ...(options.agent as Agent).options, keepAlive: true }) };
  }

  /**
   * Reads the object again and again, as often as it changes, until `look` finds what it waits for. A server that is
   * restarted meanwhile, or a watch that ends, is no failure: it is read and watched anew.
   * @param look gets undefined when there is no such object
   * @throws OrdealError of kind `timeout`, with the last state that `describe` made of it
   */
  async waitFor<T extends KubernetesObject, R>(
    path: string,
    what: string,
    look: (object: T | undefined) => R | undefined | false,
    { withinMs, describe }: { withinMs: number; describe?: (object: T | undefined) => string },
  ): Promise<R> {
    const end = performance.now() + withinMs;
    let pauseMs = 50;
    let last = 'it was never read';
    for (;;) {
      let version: string | undefined;
      try {
        const object = await this.find<T>(path);
        const found = look(object);
        if (found !== undefined && found !== false) return found;
        last = describe?.(object) ?? (object === undefined ? 'there is none' : 'not yet');
        version = object?.metadata?.resourceVersion;
        pauseMs = 50;
      } catch (e) {
        if (!(e instanceof OrdealError) || !(e.kind === 'vim-unreachable' || isTransient(e.parts.cause))) throw e;
        last = reasonOf(e);
        pauseMs = Math.min(1000, pauseMs * 2);
      }
      const leftMs = end - performance.now();
      if (leftMs <= 0) {
        throw new OrdealError('timeout', `${what} did not happen within ${withinMs} ms`, {
          where: this.url,
          got: last,
        });
      }
      if (version === undefined) await sleep(Math.min(pauseMs, leftMs));
      else await this.#nextChange(path, version, leftMs);
    }
  }

  /** Resolves at the first event after `version`, when the watch breaks, or after `withinMs`. */
  async #nextChange(path: string, version: string, withinMs: number): Promise<void> {
    const [, collection = path, name = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    const query = {
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: version,
      timeoutSeconds: Math.max(1, Math.ceil(withinMs / 1000)),
    };
    const enough = new AbortController();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.watch(collection, query, () => done(), enough.signal).then(done, done);
    });
    enough.abort();
  }

  /** One watch, until it ends, breaks or is aborted. @throws what broke it */
  async watch<T extends KubernetesObject>(
    path: string,
    query: Record<string, string | number | boolean>,
    onEvent: (event: WatchedEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (e: unknown) => (e === null || e === undefined || signal.aborted ? resolve() : reject(asError(e)));
      new Watch(this.config)
        .watch(path, query, (type: string, object: T) => onEvent({ type, object }), settle)
        .then((controller) => {
          if (signal.aborted) controller.abort();
          else signal.addEventListener('abort', () => controller.abort(), { once: true });
        }, reject);
    });
  }
}

export const isNotFound = (e: unknown): boolean =>
  e instanceof OrdealError && e.parts.cause instanceof ApiError && e.parts.cause.status.code === 404;
export const isConflict = (e: unknown): boolean =>
  e instanceof OrdealError && e.parts.cause instanceof ApiError && e.parts.cause.status.code === 409;
