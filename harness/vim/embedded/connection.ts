import { connect } from 'node:net';
import {
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { OrdealError, type SerialisedError } from '../../util/errors.js';
import type { HostMethod, Params, Result } from './protocol.js';

const connectDeadlineMs = 2000;

/** A client's connection to a host. Every call has a deadline; a host that is gone fails every call at once. */
export class HostConnection {
  readonly #rpc: MessageConnection;
  readonly #lost: Promise<never>;
  #fail: (e: Error) => void = () => {};

  constructor(
    rpc: MessageConnection,
    readonly serviceId: string,
  ) {
    this.#rpc = rpc;
    this.#lost = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever calls sees it; nobody need be calling when it happens.
    this.#lost.catch(() => undefined);
    const gone = (): void => this.#fail(unreachable(serviceId, 'its host closed the connection'));
    rpc.onClose(gone);
    rpc.onError(gone);
    rpc.listen();
  }

  /** @throws OrdealError of kind vim-unreachable */
  static async open(socket: string, serviceId: string): Promise<HostConnection> {
    const stream = await new Promise<ReturnType<typeof connect>>((resolve, reject) => {
      const s = connect({ path: socket });
      const timer = setTimeout(() => {
        s.destroy();
        reject(unreachable(serviceId, `its host did not accept a connection within ${connectDeadlineMs} ms`));
      }, connectDeadlineMs);
      s.once('connect', () => {
        clearTimeout(timer);
        resolve(s);
      });
      s.once('error', (e) => {
        clearTimeout(timer);
        reject(unreachable(serviceId, 'its host does not answer', e));
      });
    });
    return new HostConnection(
      createMessageConnection(new SocketMessageReader(stream), new SocketMessageWriter(stream)),
      serviceId,
    );
  }

  /** @param deadlineMs milliseconds. @throws OrdealError as the host threw it; vim-unreachable; timeout */
  async call<M extends HostMethod>(method: M, params: Params<M>, deadlineMs = 15_000): Promise<Result<M>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new OrdealError('timeout', `The embedded VIM did not answer ${method} within ${deadlineMs} ms`)),
        deadlineMs,
      );
    });
    try {
      return await Promise.race([this.#rpc.sendRequest<Result<M>>(method, params), late, this.#lost]);
    } catch (e) {
      throw this.#classify(method, e);
    } finally {
      clearTimeout(timer);
    }
  }

  #classify(method: string, e: unknown): OrdealError {
    if (e instanceof OrdealError) return e;
    if (e instanceof ResponseError) {
      if (isSerialised(e.data)) return OrdealError.fromJSON(e.data);
      return new OrdealError('vim-failed', `The embedded VIM refused ${method}`, { cause: e });
    }
    // The library's own errors: the connection is closed, or was disposed of.
    return unreachable(this.serviceId, 'the connection to its host is closed', e);
  }

  close(): void {
    this.#fail(unreachable(this.serviceId, 'the connection was closed'));
    this.#rpc.end();
    this.#rpc.dispose();
  }
}

const isSerialised = (data: unknown): data is SerialisedError =>
  typeof data === 'object' && data !== null && 'kind' in data && 'what' in data;

export const unreachable = (serviceId: string, why: string, cause?: unknown): OrdealError =>
  new OrdealError('vim-unreachable', `Service "${serviceId}" does not run on the embedded VIM: ${why}`, {
    remedy: 'Start it, or see host.log in its state folder.',
    ...(cause === undefined ? {} : { cause }),
  });
