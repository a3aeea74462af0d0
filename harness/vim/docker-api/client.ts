import Docker from 'dockerode';
import { OrdealError } from '../../util/errors.js';
import { fromDocker, statusOf } from './errors.js';

/** The Docker Engine API of one daemon, with its failures in our words. */
export class DockerClient {
  readonly api: Docker;

  /**
   * @param daemon as its users call it
   * @throws OrdealError of kind file-invalid for what is no address
   */
  constructor(
    readonly daemon: string,
    readonly host: string,
    option: string,
  ) {
    this.api = clientOf(daemon, host, option);
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

function clientOf(daemon: string, host: string, option: string): Docker {
  const unix = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (unix !== undefined) return new Docker({ socketPath: unix });
  const [, name, port] = /^tcp:\/\/([^:/]+):(\d+)$/.exec(host) ?? [];
  if (name !== undefined) return new Docker({ protocol: 'http', host: name, port: Number(port) });
  throw new OrdealError('file-invalid', `This is no address of a ${daemon}`, {
    where: option,
    expected: 'unix:///path or tcp://host:port',
    got: host,
    remedy: 'Correct the descriptor.',
  });
}
