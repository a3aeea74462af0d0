import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { shell } from '../libvirt/shell.js';
import { endCgroup, removeCgroup } from './cgroups.js';

/** /etc is a layer of our own inside: what CRIU reads there is not to be the machine's. */
const firstProcess = `
set -e
ip link set lo up
# What engines and iproute2 leave under /run ends with the namespace.
mount -t tmpfs tmpfs /run
mkdir -p "$1/etc/upper" "$1/etc/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc/upper,workdir=$1/etc/work" overlay /etc
mkdir -p /etc/criu
printf 'tcp-established\\nfile-locks\\nskip-in-flight\\nghost-limit 64M\\n' >/etc/criu/runc.conf
touch "$1/ready"
exec sleep infinity`;

/** Ends as a child of ours does: also when this process is killed. */
export const diesWithUs = ['--pdeathsig', 'KILL'] as const;

/**
 * A network and a mount namespace, held by one process of ours: engines in them have bridges of their own and touch
 * nothing of the machine's configuration. Process ids are those of the machine, as for any engine.
 */
export class PrivateNamespaces implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly holder: ChildProcess,
  ) {}

  static async open(folder: string): Promise<PrivateNamespaces> {
    await mkdir(folder, { recursive: true });
    const command = ['unshare', '--mount', '--net', '--propagation', 'private', 'bash', '-c', firstProcess, 'bash'];
    const holder = spawn('setpriv', [...diesWithUs, ...command, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const namespaces = new PrivateNamespaces(folder, holder);
    const isReady = async () => {
      if (holder.exitCode !== null) throw new Error(`namespaces of our own cannot be had: ${said.trim()}`);
      return readFile(join(folder, 'ready')).then(
        () => true,
        () => false,
      );
    };
    await until('The namespaces are ready', isReady, { withinMs: 20_000 });
    await writeFile(join(folder, 'holder.pid'), String(holder.pid));
    return namespaces;
  }

  get pid(): number {
    return this.holder.pid ?? 0;
  }

  /** The arguments of `nsenter` that lead in. */
  get enter(): readonly string[] {
    return ['--target', String(this.pid), '--mount', '--net', '--'];
  }

  run(command: string, ...args: readonly string[]): Promise<string> {
    return shell('nsenter', [...this.enter, command, ...args]);
  }

  /** The control group that the containers of one engine are under. */
  get cgroupParent(): string {
    return basename(this.folder);
  }

  endContainers(): Promise<void> {
    return endCgroup(this.cgroupParent);
  }

  /** With the folder. Prerequisite: the engine in it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.endContainers();
    await ended(this.holder, 'SIGKILL');
    await removeCgroup(this.cgroupParent);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Signals a child of ours and waits for its end. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await end;
}
