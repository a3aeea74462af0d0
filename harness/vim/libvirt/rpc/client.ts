import { sleep } from '../../../util/deadline.js';
import { type KeepaliveOptions, RpcConnection } from './connection.js';
import { ConnectionLostError, ErrorCode, LibvirtError } from './errors.js';
import { LIFECYCLE_EVENT_ID, type Lifecycle, lifecycleEvent, lifecycles } from './events.js';
import { type Procedure, procedures } from './procedures.js';
import { openTransport } from './transport.js';
import type { DomainRef } from './types.js';
import { parseLibvirtUri } from './uri.js';
import { decode } from './xdr.js';

export interface ClientOptions {
  readonly connectMs?: number;
  /** Milliseconds for a call that names no deadline of its own. */
  readonly callMs?: number;
  readonly keepalive?: KeepaliveOptions;
  /** Milliseconds for which a daemon is waited for that was there before: one that crashed is soon started again. */
  readonly returnMs?: number;
}

export interface LifecycleEvent {
  readonly domain: DomainRef;
  readonly lifecycle: Lifecycle;
  readonly detail: number;
  /** Milliseconds of performance.now() at which it arrived. */
  readonly atMs: number;
}

/** VIR_DRV_FEATURE_PROGRAM_KEEPALIVE: only who asks for it may ping, and is pinged. */
const KEEPALIVE_FEATURE = 10;
const RECONNECT_EVERY_MS = 100;
const AUTH_NONE = 0;
const AUTH_POLKIT = 2;
const authNames = ['none', 'SASL', 'polkit'];

/**
 * A libvirt daemon, connected when first needed and connected again after it was lost (the daemon restarted, for which
 * the next call waits a while). A call during which the connection is lost fails: whether it had its effect is for the
 * caller to see.
 */
export class LibvirtClient {
  readonly #uri;
  readonly #options: Required<ClientOptions>;
  readonly #lifecycleListeners = new Set<(event: LifecycleEvent) => void>();
  #connection: Promise<RpcConnection> | undefined;
  #isClosed = false;
  #wasConnected = false;

  /** @throws UriError */
  constructor(
    readonly uri: string,
    options: ClientOptions = {},
  ) {
    this.#uri = parseLibvirtUri(uri);
    this.#options = {
      connectMs: 10_000,
      callMs: 60_000,
      keepalive: { everyMs: 5000, count: 6 },
      returnMs: 10_000,
      ...options,
    };
  }

  /** Whether the daemon works on files of this machine. */
  get isLocal(): boolean {
    return this.#uri.transport.kind === 'unix';
  }

  /** @param deadlineMs milliseconds; 0 means none. @throws LibvirtError, CallTimeoutError, ConnectionLostError */
  async call<A, R>(procedure: Procedure<A, R>, args: A, deadlineMs = this.#options.callMs): Promise<R> {
    const connection = await this.#connected();
    return connection.call(procedure, args, deadlineMs);
  }

  /** Events come while the connection lives; those that happen between two connections are missed. */
  onLifecycle(listener: (event: LifecycleEvent) => void): () => void {
    this.#lifecycleListeners.add(listener);
    return () => this.#lifecycleListeners.delete(listener);
  }

  /** Idempotent. Tells the daemon, then closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // Who asked for a connection that failed was told; here there is then none to close.
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    // A daemon that does not hear the farewell sees the socket close.
    if (connection?.isOpen) await connection.call(procedures.connectClose, {}, 2000).catch(() => undefined);
    connection?.close();
  }

  #connected(): Promise<RpcConnection> {
    if (this.#isClosed) return Promise.reject(new ConnectionLostError('The connection to libvirt was closed'));
    if (this.#connection !== undefined) return this.#connection;
    const attempt = this.#wasConnected ? this.#openAgain() : this.#open();
    this.#connection = attempt;
    const forget = () => {
      if (this.#connection === attempt) this.#connection = undefined;
    };
    attempt.then((connection) => connection.onClose(forget), forget);
    return attempt;
  }

  async #openAgain(): Promise<RpcConnection> {
    const end = performance.now() + this.#options.returnMs;
    for (;;) {
      try {
        return await this.#open();
      } catch (e) {
        if (!(e instanceof ConnectionLostError) || this.#isClosed || performance.now() >= end) throw e;
        await sleep(RECONNECT_EVERY_MS);
      }
    }
  }

  async #open(): Promise<RpcConnection> {
    const { connectMs, keepalive } = this.#options;
    const connection = new RpcConnection(await openTransport(this.#uri, connectMs));
    try {
      await this.#authenticate(connection, connectMs);
      await connection.call(procedures.connectOpen, { name: this.#uri.remoteName, flags: 0 }, connectMs);
      const asked = await connection.call(procedures.connectSupportsFeature, { feature: KEEPALIVE_FEATURE }, connectMs);
      if (asked.supported !== 0) connection.startKeepalive(keepalive);
      connection.onMessage(lifecycleEvent.number, (payload) => this.#tellLifecycle(payload));
      await connection.call(
        procedures.connectDomainEventRegister,
        { eventId: LIFECYCLE_EVENT_ID, dom: null },
        connectMs,
      );
      this.#wasConnected = true;
      return connection;
    } catch (e) {
      connection.close();
      throw e;
    }
  }

  /** The daemon's answer to polkit is decided by who opened the socket: root needs nothing more. */
  async #authenticate(connection: RpcConnection, connectMs: number): Promise<void> {
    const { types } = await connection.call(procedures.authList, {}, connectMs);
    if (types.includes(AUTH_NONE) || types.length === 0) return;
    if (types.includes(AUTH_POLKIT)) {
      await connection.call(procedures.authPolkit, {}, connectMs);
      return;
    }
    const names = types.map((type) => authNames[type] ?? `type ${type}`).join(', ');
    throw new LibvirtError(
      'authList',
      ErrorCode.authUnavailable,
      13,
      `libvirt asks for ${names} authentication, which is not spoken here`,
    );
  }

  #tellLifecycle(payload: Buffer): void {
    const { dom, event, detail } = decode(lifecycleEvent.body, payload);
    const lifecycle = lifecycles[event];
    if (lifecycle === undefined) return;
    const told = { domain: dom, lifecycle, detail, atMs: performance.now() };
    for (const listener of this.#lifecycleListeners) listener(told);
  }
}
