import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

type Handler = (socket: Socket) => void;

/** The other way round than RelayedPorts: addresses in another network namespace that lead to this process. */
export class InnerPorts implements AsyncDisposable {
  readonly #handlers = new Map<string, Handler>();
  readonly #waiting = new Map<string, (said: string) => void>();

  private constructor(
    readonly listener: ChildProcess,
    readonly server: Server,
  ) {}

  /** @param network the namespace's file. @param path of a unix socket, which any namespace can reach */
  static async start(network: string, path: string): Promise<InnerPorts> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    const program = fileURLToPath(new URL('./inner-listener.js', import.meta.url));
    const command = ['--pdeathsig', 'KILL', 'nsenter', `--net=${network}`, process.execPath, program, path];
    const listener = spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ports = new InnerPorts(listener, server);
    server.on('connection', (socket) => ports.#accept(socket));
    createInterface({ input: listener.stdout }).on('line', (line) => {
      const [at = ''] = line.split(' ');
      ports.#waiting.get(at)?.(line);
      ports.#waiting.delete(at);
    });
    return ports;
  }

  /** @param at address:port over there, which is on a device of it already. A later handler takes the place of an earlier one */
  async serve(at: string, handler: Handler): Promise<void> {
    const isNew = !this.#handlers.has(at);
    this.#handlers.set(at, handler);
    if (!isNew) return;
    const said = await new Promise<string>((resolve, reject) => {
      const isGone = () => reject(new Error('the inner listener ended'));
      this.#waiting.set(at, (line) => {
        this.listener.off('exit', isGone);
        resolve(line);
      });
      this.listener.once('exit', isGone);
      this.listener.stdin?.write(`${at}\n`);
    });
    if (!said.endsWith(' listens')) throw new Error(`nothing can listen at ${said}`);
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    let head = Buffer.alloc(0);
    const onData = (piece: Buffer) => {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf('\n');
      if (end < 0) return;
      socket.off('data', onData);
      socket.pause();
      if (end + 1 < head.length) socket.unshift(head.subarray(end + 1));
      const handler = this.#handlers.get(head.toString('latin1', 0, end));
      if (handler === undefined) socket.destroy();
      else handler(socket);
    };
    socket.on('data', onData);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    if (this.listener.exitCode !== null || this.listener.signalCode !== null) return;
    const ended = new Promise((resolve) => this.listener.once('exit', resolve));
    this.listener.kill('SIGKILL');
    await ended;
  }
}
