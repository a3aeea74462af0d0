import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { hostedResults } from '../../model/hosting.js';
import { OrdealError } from '../../util/errors.js';
import { packFolder } from './results.js';

/** How long results wait for who asked for them, in milliseconds. */
const holdMs = 15 * 60_000;
const tooEarly = 425;

/** Gives the results to who knows the token, once, and says when they have been taken. They hold memory of VNFCs. */
export class HandOver implements Disposable {
  #exitCode: number | undefined;
  #taken = (): void => undefined;
  readonly #server = createServer((request, response) => {
    const { path, tokenHeader, exitCodeHeader } = hostedResults;
    if (request.url !== path || !isSame(String(request.headers[tokenHeader] ?? ''), this.token)) {
      response.writeHead(403).end('the token is another one');
    } else if (this.#exitCode === undefined) {
      response.writeHead(tooEarly).end('it has not ended');
    } else if (request.method === 'DELETE') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      this.#taken();
    } else {
      response.writeHead(200, { 'content-type': 'application/zip', [exitCodeHeader]: String(this.#exitCode) });
      // One who breaks off asks again.
      packFolder(this.folder)
        .then((zip) => pipeline(zip, response))
        .catch(() => response.destroy());
    }
  });

  private constructor(
    readonly token: string,
    readonly folder: string,
  ) {}

  /** @throws OrdealError of kind port-in-use */
  static async open(token: string, folder: string): Promise<HandOver> {
    const it = new HandOver(token, folder);
    await new Promise<void>((resolve, reject) => {
      it.#server.once('error', (e) => {
        reject(
          new OrdealError('port-in-use', 'Results cannot be handed over', {
            where: `port ${hostedResults.port}`,
            cause: e,
          }),
        );
      });
      it.#server.listen(hostedResults.port, resolve);
    });
    return it;
  }

  /** Resolves once they were taken, or nobody came for them. @returns whether somebody did */
  offer(exitCode: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), holdMs);
      this.#taken = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#exitCode = exitCode;
    });
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }
}

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
