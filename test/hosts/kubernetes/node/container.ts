import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { V1ContainerStatus } from '@kubernetes/client-node';
import { ended } from '../namespace.js';
import type { PodNetwork } from './pod-network.js';

export interface ContainerCommand {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folders behind its volumes. */
  readonly writable: readonly string[];
  readonly isReadOnly: boolean;
  /** The folder with the token of its service account; undefined when it has none. */
  readonly account: string | undefined;
}

/** Its view of the file system: the token where every client looks for it, and nothing but its volumes to write to. */
const view = `set -e
account=$1; readonly=$2; count=$3; shift 3
while [ "$count" -gt 0 ]; do mount --bind "$1" "$1"; shift; count=$((count - 1)); done
if [ -n "$account" ]; then
  mount -t tmpfs tmpfs /run
  mkdir -p /run/secrets/kubernetes.io
  cp -r "$account" /run/secrets/kubernetes.io/serviceaccount
fi
if [ "$readonly" = yes ]; then mount -o remount,bind,ro /; fi
exec "$@"`;

/** As a kubelet waits before it starts a container again; it would begin with ten seconds. */
const BACK_OFF_MS = 1000;

/** One container: a real process in the pod's network, started again when it ends. */
export class Container {
  #process: ChildProcess | undefined;
  #startedAt = '';
  #endedMs = 0;
  #restarts = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Nobody starts it while this is so. */
  held = false;
  ready = false;

  constructor(
    readonly what: ContainerCommand,
    readonly network: PodNetwork,
    readonly log: string,
  ) {}

  get pid(): number | undefined {
    return this.isRunning ? this.#process?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Starts it where it does not run and may. */
  tend(restarts: boolean): void {
    if (this.isRunning || this.held) return;
    if (this.#process !== undefined) {
      if (this.#endedMs === 0) this.#endedMs = performance.now();
      this.ready = false;
      if (!restarts || performance.now() - this.#endedMs < BACK_OFF_MS) return;
      this.#restarts += 1;
    }
    this.#endedMs = 0;
    this.#startedAt = new Date().toISOString();
    const { command, env, writable, isReadOnly, account = '' } = this.what;
    const inside = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', view, 'sh'];
    const seen = [account, isReadOnly ? 'yes' : 'no', String(writable.length), ...writable];
    const network = `--net=${this.network.namespace.file}`;
    const enter = ['--pdeathsig', 'KILL', 'nsenter', network, ...inside, ...seen, ...command];
    const child = spawn('setpriv', enter, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...env },
    });
    this.#process = child;
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on('line', (line) => this.#write(line));
  }

  /** With the time before each line, as a kubelet keeps them. */
  #write(line: string): void {
    const stamped = `${new Date().toISOString()} ${line}\n`;
    this.#writing = this.#writing.then(() => appendFile(this.log, stamped));
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#process?.kill(signal);
  }

  /** @returns once it has ended */
  async stop(graceMs: number): Promise<void> {
    this.held = true;
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended(child, 'SIGTERM');
    clearTimeout(timer);
    await this.#writing;
  }

  get status(): V1ContainerStatus {
    const { name, image } = this.what;
    const exitCode = this.#process?.exitCode ?? 137;
    const state = this.isRunning
      ? { running: { startedAt: new Date(this.#startedAt) } }
      : { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' } };
    return { name, image, imageID: '', ready: this.isRunning && this.ready, restartCount: this.#restarts, state };
  }
}
