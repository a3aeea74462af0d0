import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { basename, join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { shell } from '../libvirt/shell.js';
import { diesWithUs, ended, type PrivateNamespaces } from './namespaces.js';

/** Without CAP_SYS_RESOURCE an engine cannot raise the limits of its containers above its own. */
const limit = (n: number) => ({ Name: 'nofile', Soft: n, Hard: n });

/** A dockerd with its containerd in namespaces of our own; it does not end with its containers, nor they with it. */
export class PrivateDockerd implements AsyncDisposable {
  #process: ChildProcess | undefined;
  readonly socket: string;
  readonly cgroupParent: string;

  private constructor(
    readonly namespaces: PrivateNamespaces,
    readonly criuFolder: string,
  ) {
    this.socket = join(namespaces.folder, 'docker.sock');
    this.cgroupParent = basename(namespaces.folder);
  }

  /** @param criuFolder has the command `criu`. @throws with what the daemon said */
  static async start(namespaces: PrivateNamespaces, criuFolder: string): Promise<PrivateDockerd> {
    const { folder } = namespaces;
    const daemon = new PrivateDockerd(namespaces, criuFolder);
    const config = {
      // Checkpoints are experimental in Docker 20.10.
      experimental: true,
      'live-restore': true,
      iptables: false,
      'ip-masq': false,
      bridge: 'none',
      'storage-driver': 'overlay2',
      'data-root': join(folder, 'data'),
      'exec-root': join(folder, 'exec'),
      'cgroup-parent': `/${daemon.cgroupParent}`,
      'default-ulimits': { nofile: limit(1024) },
      hosts: [`unix://${daemon.socket}`],
      pidfile: daemon.pidFile,
    };
    await mkdir(join(folder, 'exec'), { recursive: true });
    await writeFile(join(folder, 'daemon.json'), JSON.stringify(config));
    try {
      await daemon.startDaemon();
    } catch (e) {
      await daemon[Symbol.asyncDispose]();
      throw e;
    }
    return daemon;
  }

  get pidFile(): string {
    return join(this.namespaces.folder, 'docker.pid');
  }

  /** Where the runtime of this engine keeps its state: `runc --root`. */
  get runtimeRoot(): string {
    return join(this.namespaces.folder, 'exec', 'runtime-runc', 'moby');
  }

  async startDaemon(): Promise<void> {
    const { folder, enter } = this.namespaces;
    const log = await open(join(folder, 'dockerd.log'), 'a');
    const command = ['nsenter', ...enter, 'dockerd', '--config-file', join(folder, 'daemon.json')];
    const child = spawn('setpriv', [...diesWithUs, ...command], {
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, PATH: `${this.criuFolder}:${process.env.PATH}` },
    });
    this.#process = child;
    await log.close();
    await until(
      'The private dockerd answers',
      async () => {
        if (child.exitCode !== null) throw new Error(`The private dockerd ended: ${await this.log()}`);
        return answers(this.socket);
      },
      { withinMs: 60_000, everyMs: 100 },
    );
  }

  /** As a crash would. Its containers go on. */
  async killDaemon(): Promise<void> {
    const { folder } = this.namespaces;
    const containerd = Number(await readFile(join(folder, 'exec', 'containerd', 'containerd.pid'), 'utf8'));
    if (this.#process !== undefined) await ended(this.#process, 'SIGKILL');
    // The containerd that it had started ends with it. Not yet reaped, the next dockerd takes it for one that runs.
    await until('containerd is gone', async () => !isThere(containerd), { withinMs: 20_000 });
  }

  async log(): Promise<string> {
    return (await readFile(join(this.namespaces.folder, 'dockerd.log'), 'utf8'))
      .trim()
      .split('\n')
      .slice(-5)
      .join('; ');
  }

  /** Processes of the machine whose command line names our folder. */
  async #ours(what: string): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
        return command.includes(what) && command.includes(this.namespaces.folder) ? [Number(pid)] : [];
      }),
    );
    return found.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { folder } = this.namespaces;
    if (this.#process !== undefined) await ended(this.#process, 'SIGTERM');
    await endCgroup(this.cgroupParent);
    for (const pid of [...(await this.#ours('containerd --config')), ...(await this.#ours('containerd-shim'))])
      end(pid);
    await until('every shim has ended', async () => (await this.#ours('containerd')).length === 0, {
      withinMs: 20_000,
    });
    await this.namespaces[Symbol.asyncDispose]();
    await removeCgroup(this.cgroupParent);
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

const answers = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    get({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw e;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
  }
}

const hierarchies = '/sys/fs/cgroup';

async function foldersOf(name: string): Promise<string[]> {
  const text = await shell('find', [hierarchies, '-maxdepth', '2', '-type', 'd', '-name', name]);
  const tops = text.split('\n').filter((line) => line !== '');
  const all = await Promise.all(tops.map((top) => shell('find', [top, '-depth', '-type', 'd'])));
  return all.flatMap((lines) => lines.split('\n').filter((line) => line !== ''));
}

/** Frozen or not: a process that is frozen dies when it is thawed. */
async function endCgroup(name: string): Promise<void> {
  const folders = await foldersOf(name);
  const left = async () => {
    const pids = await Promise.all(folders.map((f) => readFile(join(f, 'cgroup.procs'), 'utf8').catch(() => '')));
    return [
      ...new Set(
        pids
          .join('\n')
          .split('\n')
          .filter((pid) => pid !== ''),
      ),
    ].map(Number);
  };
  await until(
    `the processes of cgroup ${name} have ended`,
    async () => {
      const pids = await left();
      for (const pid of pids) end(pid);
      for (const f of folders) {
        await writeFile(join(f, 'freezer.state'), 'THAWED').catch(() => undefined);
        await writeFile(join(f, 'cgroup.freeze'), '0').catch(() => undefined);
      }
      return pids.length === 0;
    },
    { withinMs: 20_000, everyMs: 50 },
  );
}

async function removeCgroup(name: string): Promise<void> {
  for (const folder of await foldersOf(name)) await shell('rmdir', [folder]).catch(() => undefined);
}
