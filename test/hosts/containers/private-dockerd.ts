import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { type Certificate, CertificationAuthority } from '../kubernetes/certificates.js';
import { answers } from './answers.js';
import { diesWithUs, ended, type PrivateNamespaces } from './namespaces.js';
import { end, isThere, processesWith } from './processes.js';

/** Without CAP_SYS_RESOURCE an engine cannot raise the limits of its containers above its own. */
const limit = (n: number) => ({ Name: 'nofile', Soft: n, Hard: n });

/** A dockerd with its containerd in namespaces of our own; it does not end with its containers, nor they with it. */
export class PrivateDockerd implements AsyncDisposable {
  #process: ChildProcess | undefined;
  readonly socket: string;

  private constructor(
    readonly namespaces: PrivateNamespaces,
    readonly criuFolder: string,
  ) {
    this.socket = join(namespaces.folder, 'docker.sock');
  }

  /** @param criuFolder has the command `criu`. @throws with what the daemon said */
  static async start(namespaces: PrivateNamespaces, criuFolder: string): Promise<PrivateDockerd> {
    const { folder } = namespaces;
    const daemon = new PrivateDockerd(namespaces, criuFolder);
    const { key, certificate } = await daemon.#certify();
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
      'cgroup-parent': `/${namespaces.cgroupParent}`,
      'default-ulimits': { nofile: limit(1024) },
      hosts: [`unix://${daemon.socket}`, `tcp://${daemon.tlsAddress}`],
      tlsverify: true,
      tlscacert: join(daemon.certificates, 'ca.pem'),
      tlscert: certificate,
      tlskey: key,
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

  /** In its network namespace: whoever shows a certificate of its authority is heard. */
  readonly tlsAddress = '127.0.0.1:2376';

  /** The folder of a client's ca.pem, cert.pem and key.pem. */
  get certificates(): string {
    return join(this.namespaces.folder, 'client');
  }

  /** @returns the daemon's own */
  async #certify(): Promise<Certificate> {
    const folder = join(this.namespaces.folder, 'authority');
    for (const name of [folder, this.certificates]) await mkdir(name, { mode: 0o700 });
    const authority = await CertificationAuthority.make(folder);
    const client = await authority.issue('client', ['DNS:client']);
    await copyFile(authority.file, join(this.certificates, 'ca.pem'));
    await copyFile(client.certificate, join(this.certificates, 'cert.pem'));
    await copyFile(client.key, join(this.certificates, 'key.pem'));
    return authority.issue('dockerd', ['IP:127.0.0.1']);
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

  /** Its containers end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await ended(this.#process, 'SIGTERM');
    await this.namespaces.endContainers();
    const { folder } = this.namespaces;
    for (const what of ['containerd --config', 'containerd-shim']) {
      for (const pid of await processesWith(what, folder)) end(pid);
    }
    await until('every shim has ended', async () => (await processesWith('containerd', folder)).length === 0, {
      withinMs: 20_000,
    });
  }
}
