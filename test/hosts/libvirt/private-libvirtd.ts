import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { shell } from './shell.js';

const libvirtdConf = ['auth_unix_rw = "none"', 'unix_sock_rw_perms = "0700"'];
const qemuConf = [
  'user = "root"',
  'group = "root"',
  'dynamic_ownership = 0',
  'remember_owner = 0',
  'security_driver = "none"',
  'namespaces = []',
  'stdio_handler = "file"',
  // The write protection behind background snapshots needs calls that the sandbox would end the VM for.
  'seccomp_sandbox = 0',
];

/** The first process of the namespaces reaps QEMU at once, and starts the daemon again when it was killed. */
const firstProcess = `
set -e
ip link set lo up
ip link add ordeal0 type bridge forward_delay 0
ip addr add 10.77.0.1/24 dev ordeal0
ip link set ordeal0 up
for pair in etc:/etc/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt run:/run/libvirt; do
  mkdir -p "\${pair#*:}"
  mount --bind "$1/\${pair%%:*}" "\${pair#*:}"
done
# libvirtd does not start without the user that its Debian package makes; QEMU itself runs as root here.
for file in passwd group; do
  cp "/etc/$file" "$1/$file"
  mount --bind "$1/$file" "/etc/$file"
done
grep -q ^sshd: /etc/passwd || echo sshd:x:64066:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd
grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >>/etc/passwd
for group in kvm:64054 libvirt-qemu:64055; do
  grep -q "^\${group%:*}:" /etc/group || echo "\${group%:*}:x:\${group#*:}:" >>/etc/group
done
set +e
while :; do
  while [ -e "$1/away" ]; do sleep 0.1; done
  libvirtd -f "$1/etc/libvirtd.conf" -p "$1/libvirtd.pid" $2 &
  wait $!
  sleep 0.2
done`;

export interface DaemonOptions {
  /** More lines for libvirtd.conf. */
  readonly more?: readonly string[];
  /** On the network too, as the lines say. */
  readonly listens?: boolean;
}

/**
 * A libvirtd of our own in mount, network and pid namespaces of its own: nothing of the machine's configuration is
 * touched, and one pid ends the daemon and every VM. The bridge ordeal0 is 10.77.0.1/24 inside.
 */
export class PrivateLibvirtd implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly uri: string;

  private constructor(
    readonly folder: string,
    process: ChildProcess,
  ) {
    this.#process = process;
    this.uri = `qemu+unix:///system?socket=${this.socket}`;
  }

  get socket(): string {
    return join(this.folder, 'run', 'libvirt-sock');
  }

  /** @throws with what the namespaces or the daemon said */
  static async start({ more = [], listens = false }: DaemonOptions = {}): Promise<PrivateLibvirtd> {
    const folder = await mkdtemp(join(tmpdir(), 'ordeal-libvirtd-'));
    for (const name of ['etc', 'lib', 'cache', 'run', 'images']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'etc', 'libvirtd.conf'), `${[...libvirtdConf, ...more].join('\n')}\n`);
    await writeFile(join(folder, 'etc', 'qemu.conf'), `${qemuConf.join('\n')}\n`);
    const log = await open(join(folder, 'libvirtd.log'), 'w');
    const namespaces = [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      '--propagation',
      'private',
    ];
    // It ends with this process, also when this process is killed.
    const child = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'unshare',
        ...namespaces,
        'bash',
        '-c',
        firstProcess,
        'bash',
        folder,
        listens ? '--listen' : '',
      ],
      {
        stdio: ['ignore', log.fd, log.fd],
      },
    );
    await log.close();
    const daemon = new PrivateLibvirtd(folder, child);
    const client = new LibvirtClient(daemon.uri);
    try {
      await until(
        'The private libvirtd answers',
        async () => {
          if (child.exitCode !== null) throw new Error(`The private libvirtd ended: ${await daemon.log()}`);
          return client.call(procedures.connectGetLibVersion, {}, 5000).catch(() => undefined);
        },
        { withinMs: 60_000, everyMs: 100 },
      );
    } catch (e) {
      await daemon[Symbol.asyncDispose]();
      throw e;
    } finally {
      await client.close();
    }
    return daemon;
  }

  async log(): Promise<string> {
    return (await readFile(join(this.folder, 'libvirtd.log'), 'utf8')).trim().split('\n').slice(-5).join('; ');
  }

  /** A command inside the daemon's network namespace. */
  async inNetwork(command: string, args: readonly string[]): Promise<string> {
    return shell('nsenter', [`--net=/proc/${await this.innerPid()}/ns/net`, command, ...args]);
  }

  /** The words before a command that is to see the file systems as the daemon and its VMs do. */
  async inItsFiles(): Promise<readonly [string, ...string[]]> {
    return ['nsenter', `--mount=/proc/${await this.innerPid()}/ns/mnt`];
  }

  /** The first process of the namespaces, by its pid out here. */
  async innerPid(): Promise<number> {
    const { pid } = this.#process;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return Number(children.trim().split(' ')[0]);
  }

  /** Ends the daemon alone, as a crash would; its VMs go on, and it is started again. */
  async killDaemon(): Promise<void> {
    await this.#kill(await readFile(join(this.folder, 'libvirtd.pid'), 'utf8'));
  }

  /** Ends the daemon and keeps it from coming back; its VMs go on. */
  async keepDaemonAway(): Promise<void> {
    await writeFile(this.#away, '');
    await this.killDaemon();
  }

  async letDaemonComeBack(): Promise<void> {
    await rm(this.#away, { force: true });
  }

  get #away(): string {
    return join(this.folder, 'away');
  }

  /** As if the host had ended it for want of memory: the latest of those whose name begins so. */
  async killQemu(domain: string): Promise<void> {
    const folder = join(this.folder, 'run', 'qemu');
    const latest = async (): Promise<string | undefined> => {
      const files = (await readdir(folder)).filter((f) => f.startsWith(domain) && f.endsWith('.pid'));
      const found = await Promise.all(
        files.map(async (file) => ({
          pid: await readFile(join(folder, file), 'utf8'),
          at: await stat(join(folder, file)),
        })),
      );
      return found.sort((a, b) => b.at.mtimeMs - a.at.mtimeMs)[0]?.pid || undefined;
    };
    // libvirt removes these files while they are looked at.
    const isThere = () => latest().catch(() => undefined);
    await this.#kill(await until(`QEMU of ${domain} is there`, isThere, { withinMs: 10_000 }));
  }

  async #kill(inner: string): Promise<void> {
    await shell('nsenter', [`--pid=/proc/${await this.innerPid()}/ns/pid`, 'kill', '-9', inner.trim()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
