import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { until } from '../../../harness/util/deadline.js';
import { shell } from '../libvirt/shell.js';

/** An API server refuses to proxy to a node or a pod on loopback: these are on the loopback device of the namespace. */
export const addresses = { controlPlane: '10.96.0.10', node: '10.96.0.11', pods: '10.97.0', services: '10.98.0' };

const controlPlane = `ip addr add ${addresses.controlPlane}/32 dev lo
ip addr add ${addresses.node}/32 dev lo
ip link add pods type bridge
ip addr add ${addresses.pods}.1/24 dev pods
ip link set pods up`;

/** A network namespace of our own, held by one process; whatever runs in it ends with this process. */
export class NetworkNamespace implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];

  private constructor(readonly holder: ChildProcess) {}

  /** @param setUp shell commands, run in it first @throws with the reason why there can be none */
  static async open(setUp = controlPlane): Promise<NetworkNamespace> {
    if (process.getuid?.() !== 0) throw new Error('a network namespace of its own needs root');
    const hold = `set -e\nip link set lo up\n${setUp}\necho ready\nexec sleep infinity`;
    const holder = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', hold], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [holder.stdout, holder.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    await until(
      'The network namespace is there',
      () => {
        if (holder.exitCode !== null) throw new Error(`a network namespace of its own cannot be had: ${said.trim()}`);
        return said.includes('ready');
      },
      { withinMs: 20_000 },
    );
    return new NetworkNamespace(holder);
  }

  get file(): string {
    return `/proc/${this.holder.pid}/ns/net`;
  }

  /** Its pid is the program's own. @param log the file that takes what it says */
  async start(
    log: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ChildProcess> {
    const said = await open(log, 'a', 0o600);
    const enter = ['--pdeathsig', 'KILL', 'nsenter', `--net=${this.file}`, command, ...args];
    const child = spawn('setpriv', enter, {
      stdio: ['ignore', said.fd, said.fd],
      env: { ...process.env, ...environment },
    });
    await said.close();
    this.#children.push(child);
    return child;
  }

  run(command: string, args: readonly string[]): Promise<string> {
    return shell('nsenter', [`--net=${this.file}`, command, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#children].reverse()) await ended(child, 'SIGKILL');
    await ended(this.holder, 'SIGKILL');
  }
}

/** Signals a child of ours and waits for its end. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await end;
}
