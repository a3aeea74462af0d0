import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { sleep } from '../../../../harness/util/deadline.js';
import { asError } from '../../../../harness/util/errors.js';
import type { ControlPlane } from '../control-plane.js';
import type { Container } from './container.js';
import { archiveMemory } from './memory-archive.js';
import { kubeletCheckpoints } from './volumes.js';

export interface FoundContainer {
  readonly container: Container;
  readonly pod: unknown;
}

/**
 * The two calls of a kubelet that Ordeal reaches through the API server's node proxy: checkpoints and logs. Answers, codes and
 * texts are those of kubelet 1.34 (pkg/kubelet/server/server.go).
 */
export class KubeletEndpoint {
  readonly #server: Server;
  /** A kubelet whose feature gate or runtime does not make checkpoints. */
  makesCheckpoints = true;

  private constructor(
    server: Server,
    readonly find: (namespace: string, pod: string, container: string) => FoundContainer | 'no pod' | 'no container',
    readonly checkpoints: string,
  ) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response).catch((e: unknown) => response.destroy(asError(e)));
    });
  }

  static async open(plane: ControlPlane, checkpoints: string, find: KubeletEndpoint['find']): Promise<KubeletEndpoint> {
    const [key, cert] = await Promise.all(['key', 'crt'].map((s) => readFile(join(plane.folder, `kubelet.${s}`))));
    return new KubeletEndpoint(createServer({ key, cert }), find, checkpoints);
  }

  take(socket: NodeJS.EventEmitter): void {
    this.#server.emit('connection', socket);
  }

  async #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [call = '', namespace = '', pod = '', name = ''] = new URL(url, 'https://kubelet').pathname
      .split('/')
      .slice(1);
    if (call === 'checkpoint' && method === 'POST' && this.makesCheckpoints) {
      const found = this.find(namespace, pod, name);
      if (found === 'no pod') return void response.writeHead(404).end('pod does not exist');
      if (found === 'no container') return void response.writeHead(404).end(`container ${name} does not exist`);
      const { pid } = found.container;
      if (pid === undefined) return void response.writeHead(500).end('checkpointing of it failed: it does not run');
      const file = `checkpoint-${pod}_${namespace}-${name}-${new Date().toISOString()}.tar`;
      await archiveMemory(pid, join(this.checkpoints, file), found.pod);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ items: [`${kubeletCheckpoints}/${file}`] }));
      return;
    }
    if (call === 'containerLogs' && method === 'GET') {
      const found = this.find(namespace, pod, name);
      if (typeof found === 'string') return void response.writeHead(404).end(`${found} of that name`);
      const follow = new URL(url, 'https://kubelet').searchParams.get('follow') === 'true';
      return this.#log(found.container, follow, response);
    }
    response.writeHead(404).end('404 page not found');
  }

  /** What it has said, and what it says until it ends, when it is followed. */
  async #log(container: Container, follow: boolean, response: ServerResponse): Promise<void> {
    let sent = 0;
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    for (;;) {
      const isLast = !follow || !container.isRunning || response.destroyed;
      const said = await readFile(container.log).catch((e: NodeJS.ErrnoException) => {
        if (e.code === 'ENOENT') return Buffer.alloc(0);
        throw e;
      });
      response.write(said.subarray(sent));
      sent = Math.max(1, said.length);
      if (isLast) break;
      await sleep(200);
    }
    response.end();
  }
}
