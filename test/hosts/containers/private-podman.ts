import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { shell } from '../libvirt/shell.js';
import { answers } from './answers.js';
import { endCgroup } from './cgroups.js';
import { diesWithUs, ended, type PrivateNamespaces } from './namespaces.js';

/** Podman's service on a socket of our own, in namespaces of our own; containers do not end with it. */
export class PrivatePodman implements AsyncDisposable {
  #process: ChildProcess | undefined;

  private constructor(
    readonly namespaces: PrivateNamespaces,
    readonly criuFolder: string,
  ) {}

  /** @param criuFolder has the command `criu`. @throws with what the service said */
  static async start(namespaces: PrivateNamespaces, criuFolder: string): Promise<PrivatePodman> {
    const podman = new PrivatePodman(namespaces, criuFolder);
    const { folder } = namespaces;
    for (const name of ['storage', 'run', 'tmp', 'networks']) await mkdir(join(folder, name), { recursive: true });
    // Without CAP_SYS_RESOURCE an engine cannot raise the limits of its containers above its own.
    const containers = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`;
    await writeFile(join(folder, 'containers.conf'), containers);
    const storage = `[storage]
driver = "overlay"
graphroot = "${join(folder, 'storage')}"
runroot = "${join(folder, 'run')}"
`;
    await writeFile(join(folder, 'storage.conf'), storage);
    try {
      await podman.startService();
    } catch (e) {
      await podman[Symbol.asyncDispose]();
      throw e;
    }
    return podman;
  }

  get socket(): string {
    return join(this.namespaces.folder, 'podman.sock');
  }

  /** Podman's own command line, as the service has it. */
  get command(): readonly string[] {
    const { folder } = this.namespaces;
    const places = [
      '--root',
      join(folder, 'storage'),
      '--runroot',
      join(folder, 'run'),
      '--tmpdir',
      join(folder, 'tmp'),
    ];
    return ['podman', ...places, '--network-config-dir', join(folder, 'networks')];
  }

  async startService(): Promise<void> {
    const { folder, enter } = this.namespaces;
    const log = await open(join(folder, 'podman.log'), 'a');
    const command = ['nsenter', ...enter, ...this.command, 'system', 'service', '--time=0', `unix://${this.socket}`];
    const child = spawn('setpriv', [...diesWithUs, ...command], {
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...this.#environment },
    });
    this.#process = child;
    await log.close();
    await until(
      'The service of Podman answers',
      async () => {
        if (child.exitCode !== null) throw new Error(`The service of Podman ended: ${await this.log()}`);
        return answers(this.socket);
      },
      { withinMs: 60_000, everyMs: 100 },
    );
  }

  podman(...args: readonly string[]): Promise<string> {
    const { enter } = this.namespaces;
    const settings = Object.entries(this.#environment).map(([key, value]) => `${key}=${value}`);
    const command = [...enter, 'env', ...settings, ...this.command, ...args];
    return shell('nsenter', command, { timeoutMs: 300_000 });
  }

  get #environment(): Readonly<Record<string, string>> {
    const { folder } = this.namespaces;
    return {
      PATH: `${this.criuFolder}:${process.env.PATH}`,
      CONTAINERS_CONF: join(folder, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
    };
  }

  /** As a crash would. Its containers go on. */
  async killService(): Promise<void> {
    if (this.#process !== undefined) await ended(this.#process, 'SIGKILL');
  }

  async log(): Promise<string> {
    const text = await readFile(join(this.namespaces.folder, 'podman.log'), 'utf8');
    return text.trim().split('\n').slice(-5).join('; ');
  }

  /** Its containers end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ids = await readdir(join(this.namespaces.folder, 'storage', 'overlay-containers')).catch(() => []);
    for (const id of ids.filter((name) => /^[0-9a-f]{64}$/.test(name))) await endCgroup(`libpod-${id}`);
    if (this.#process !== undefined) await ended(this.#process, 'SIGTERM');
  }
}
