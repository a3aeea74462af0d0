import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { V1Endpoints, V1Service } from '@kubernetes/client-node';
import { sleep, until } from '../../../harness/util/deadline.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import type { ControlPlane } from './control-plane.js';

interface Backend {
  readonly ip: string;
  readonly port: number;
}

/**
 * Plays kube-proxy: who connects to a Service gets one of the ready pods that the real endpoints controller has put behind
 * it, in turn; a connection that is made stays where it is.
 */
export class ServicePlayer implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #backends = new Map<string, readonly Backend[]>();
  readonly #servers: Server[] = [];
  readonly #connections = new Map<string, Set<Socket>>();
  readonly #watches: Promise<void>[];
  #turn = 0;

  /** Of one namespace. */
  constructor(
    readonly plane: ControlPlane,
    readonly cluster: Cluster,
    readonly namespace: string,
  ) {
    const path = `/api/v1/namespaces/${namespace}`;
    this.#watches = [
      this.#follow<V1Endpoints>(`${path}/endpoints`, async (type, it) => {
        const found = type === 'DELETED' ? [] : (it.subsets ?? []).flatMap(backendsOf);
        this.#backends.set(it.metadata?.name ?? '', found);
      }),
      this.#follow<V1Service>(`${path}/services`, (type, it) =>
        type === 'DELETED' ? Promise.resolve() : this.#serve(it),
      ),
    ];
  }

  async #follow<T extends object>(path: string, take: (type: string, it: T) => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.cluster.watch<T>(
          path,
          {},
          ({ type, object }) => void take(type, object).catch((e: unknown) => console.log(`kube-proxy: ${String(e)}`)),
          this.#stop.signal,
        );
      } catch (e) {
        if (!(e instanceof Error)) throw e;
      }
      // The server is away, or ended the watch: what exists is told anew by the next one.
      if (!this.#stop.signal.aborted) await sleep(100);
    }
  }

  /** From inside of the cluster, at the address that the API server gave it. */
  async #serve({ metadata, spec }: V1Service): Promise<void> {
    const [name = '', ip, port] = [metadata?.name, spec?.clusterIP, spec?.ports?.[0]?.port];
    if (ip === undefined || ip === 'None' || port === undefined) return;
    // A Service that is made anew gets another address, or the one that another one had.
    await this.plane.namespace.run('ip', ['addr', 'replace', `${ip}/32`, 'dev', 'lo']);
    await (await this.plane.innerPorts()).serve(`${ip}:${port}`, (socket) => this.#join(name, socket));
  }

  /** From outside. @returns http://127.0.0.1:<port> */
  async reach(service: string): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      this.#join(service, socket);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @returns once a pod is behind it */
  async ready(service: string): Promise<void> {
    await until(`${service} has an endpoint`, () => (this.#backends.get(service) ?? []).length > 0, {
      withinMs: 60_000,
    });
  }

  /** Ends every connection to a pod. Its address is given to nobody else for as long as it is there. */
  cutOff(ip: string): void {
    for (const client of this.#connections.get(ip) ?? []) client.destroy();
  }

  #join(service: string, client: Socket): void {
    const backends = this.#backends.get(service) ?? [];
    const chosen = backends[this.#turn++ % Math.max(1, backends.length)];
    if (chosen === undefined) {
      // As where no rule matches: there is nobody to talk to.
      client.destroy();
      return;
    }
    const pod = connect(this.plane.ports.socket);
    pod.write(`${chosen.ip}:${chosen.port}\n`);
    const open = this.#connections.get(chosen.ip) ?? new Set();
    this.#connections.set(chosen.ip, open.add(client));
    client.on('close', () => open.delete(client));
    client.pipe(pod);
    pod.pipe(client);
    pod.on('error', () => client.destroy());
    pod.on('close', () => client.destroySoon());
    client.on('close', () => pod.destroySoon());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#watches);
  }
}

const backendsOf = ({ addresses = [], ports = [] }: NonNullable<V1Endpoints['subsets']>[number]): Backend[] =>
  addresses.flatMap(({ ip }) => ports.slice(0, 1).map(({ port }) => ({ ip, port })));
