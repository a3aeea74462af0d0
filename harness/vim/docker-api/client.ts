import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import Docker from 'dockerode';
import { classifyIo, OrdealError } from '../../util/errors.js';
import { fromDocker, statusOf } from './errors.js';
import { isSsh, SshTunnel } from './ssh-tunnel.js';

/** As Docker's own client has them in DOCKER_CERT_PATH. */
const FILES = ['ca.pem', 'cert.pem', 'key.pem'];

export interface DaemonPlace {
  /** As its users call it. */
  readonly daemon: string;
  readonly host: string;
  /** The folder of ca.pem, cert.pem and key.pem; undefined: no TLS. */
  readonly certificates: string | undefined;
  /** Over ssh: the command, and the daemon's socket on the other side where the host names none. */
  readonly ssh: { readonly command: string; readonly socket: string };
  /** Where the descriptor says so. */
  readonly option: string;
}

interface Sent {
  readonly query?: object;
  readonly body?: object;
  /** In the place of a body. */
  readonly file?: NodeJS.ReadableStream;
}

/** The Docker Engine API of one daemon, with its failures in our words. */
export class DockerClient implements AsyncDisposable {
  private constructor(
    readonly daemon: string,
    readonly host: string,
    readonly api: Docker,
    readonly tunnel?: SshTunnel,
  ) {}

  /**
   * Nothing is sent to the daemon yet; over ssh the way to it is open.
   * @throws OrdealError of kind file-invalid for what is no address, file-missing, or vim-unreachable
   */
  static async open(place: DaemonPlace): Promise<DockerClient> {
    const { daemon, host, ssh, option } = place;
    if (!isSsh(host)) return new DockerClient(daemon, host, await clientOf(place));
    const tunnel = await SshTunnel.open(host, { ...ssh, option });
    return new DockerClient(daemon, host, new Docker({ socketPath: tunnel.socket }), tunnel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tunnel?.[Symbol.asyncDispose]();
  }

  async call<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      throw this.failure(e, what);
    }
  }

  /** What is not there is undefined. */
  unless404<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#unless(404, what, work);
  }

  /** What is so already is well. */
  unless304<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#unless(304, what, work);
  }

  /** An endpoint that dockerode has no words for. @param path begins with a slash */
  dial(what: string, method: string, path: string, sent: Sent = {}): Promise<unknown> {
    return this.call(what, () => this.#dialled(method, path, sent));
  }

  dialUnless404(what: string, method: string, path: string, sent: Sent = {}): Promise<unknown> {
    return this.unless404(what, () => this.#dialled(method, path, sent));
  }

  /** What it answers with goes into a file, which is written anew. */
  async fetch(what: string, method: string, path: string, sent: Sent, file: string): Promise<void> {
    await this.call(what, async () => {
      const answer = await this.#dialled(method, path, sent, true);
      await pipeline(answer as NodeJS.ReadableStream, createWriteStream(file, { mode: 0o600 }));
    });
  }

  #dialled(method: string, path: string, { query = {}, body = {}, file }: Sent, isStream = false): Promise<unknown> {
    const statusCodes = { 200: true, 201: true, 204: true, 304: true, 400: 'bad request', 404: 'no such container' };
    // The question mark lets the modem append the query.
    const call = { path: `${path}?`, method, options: { _query: query, _body: body }, statusCodes, isStream, file };
    return new Promise((resolve, reject) => {
      this.api.modem.dial(call, (e: unknown, result: unknown) => (e === null ? resolve(orNull(result)) : reject(e)));
    });
  }

  failure(e: unknown, what: string): OrdealError {
    return fromDocker(e, what, this.host, this.daemon);
  }

  async #unless<T>(code: number, what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (e) {
      if (statusOf(e) === code) return undefined;
      throw this.failure(e, what);
    }
  }
}

/** The modem gives the bytes where an answer is null, as that of an empty list is. */
const orNull = (answer: unknown): unknown =>
  Buffer.isBuffer(answer) && answer.toString().trim() === 'null' ? null : answer;

async function clientOf({ daemon, host, certificates, option }: DaemonPlace): Promise<Docker> {
  const unix = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (unix !== undefined) return new Docker({ socketPath: unix });
  const [, name, port] = /^tcp:\/\/([^:/]+):(\d+)$/.exec(host) ?? [];
  if (name !== undefined && certificates === undefined) {
    return new Docker({ protocol: 'http', host: name, port: Number(port) });
  }
  if (name !== undefined) {
    const [ca, cert, key] = await Promise.all(FILES.map((file) => readCertificate(join(certificates ?? '', file))));
    return new Docker({ protocol: 'https', host: name, port: Number(port), ca, cert, key });
  }
  throw new OrdealError('file-invalid', `This is no address of a ${daemon}`, {
    where: option,
    expected: 'unix:///path, tcp://host:port or ssh://user@host',
    got: host,
    remedy: 'Correct the descriptor.',
  });
}

const readCertificate = (file: string): Promise<Buffer> =>
  readFile(file).catch((e: unknown) => {
    throw classifyIo(e, file);
  });
