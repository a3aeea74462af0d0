import { type ChildProcess, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from '../../harness/util/deadline.js';

/** Ports on 127.0.0.1 that lead to addresses in another network namespace, through a unix socket that both can reach. */
export class RelayedPorts implements AsyncDisposable {
  readonly #servers: Server[] = [];

  private constructor(
    readonly socket: string,
    readonly relay: ChildProcess,
  ) {}

  /** @param network the namespace's file: /proc/<pid>/ns/net. @param socket where the relay is to listen */
  static async start(network: string, socket: string): Promise<RelayedPorts> {
    const program = fileURLToPath(new URL('./relay.js', import.meta.url));
    const command = ['--pdeathsig', 'KILL', 'nsenter', `--net=${network}`, process.execPath, program, socket];
    const ports = new RelayedPorts(socket, spawn('setpriv', command, { stdio: 'ignore' }));
    const isThere = () =>
      access(socket).then(
        () => true,
        () => false,
      );
    await until('The relay listens', isThere, { withinMs: 20_000 });
    return ports;
  }

  /** @param to address:port over there. @param port 0 lets the system choose ours. @returns http://127.0.0.1:<port> */
  async reach(to: string, port = 0): Promise<string> {
    const server = createServer((client) => {
      const relay = connect(this.socket);
      // Written before the pipe, so that it goes first also while the connection is being made.
      relay.write(`${to}\n`);
      client.pipe(relay);
      relay.pipe(client);
      client.on('error', () => relay.destroy());
      relay.on('error', () => client.destroy());
      // What was read last is still to be written when the other side has closed.
      relay.on('close', () => client.destroySoon());
      client.on('close', () => relay.destroySoon());
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    const { relay } = this;
    if (relay.exitCode !== null || relay.signalCode !== null) return;
    const ended = new Promise((resolve) => relay.once('exit', resolve));
    relay.kill('SIGKILL');
    await ended;
  }
}
