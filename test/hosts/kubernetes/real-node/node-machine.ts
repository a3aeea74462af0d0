import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../../harness/util/deadline.js';
import { removeCgroup } from '../../containers/cgroups.js';
import { shell } from '../../libvirt/shell.js';
import { ended } from '../namespace.js';

/** What a kubelet would set for the whole kernel, were it not so already: it finds it so, in files of our own. */
const tunables = [
  'vm/overcommit_memory=1',
  'vm/panic_on_oom=0',
  'kernel/panic=10',
  'kernel/panic_on_oops=1',
  'kernel/keys/root_maxkeys=1000000',
  'kernel/keys/root_maxbytes=25000000',
];

/** /etc, /opt and /var are layers of our own, so that nothing of the machine's is changed; what is under /run ends with it. */
const firstProcess = `
set -e
folder=$1; shift
mount --make-rshared /
mount -t tmpfs tmpfs /run
for top in etc opt var; do
  mkdir -p "$folder/$top/upper" "$folder/$top/work"
  mount -t overlay -o "lowerdir=/$top,upperdir=$folder/$top/upper,workdir=$folder/$top/work" overlay "/$top"
done
mkdir -p /var/log /var/lib/kubelet "$folder/kubelet" /etc/criu
mount -t tmpfs tmpfs /var/log
mount --bind "$folder/kubelet" /var/lib/kubelet
printf 'tcp-established\\nfile-locks\\nskip-in-flight\\nghost-limit 64M\\n' >/etc/criu/runc.conf
for tunable in "$@"; do
  own="$folder/tunables/\${tunable%=*}"
  mkdir -p "$(dirname "$own")"
  echo "\${tunable#*=}" >"$own"
  mount --bind "$own" "/proc/sys/\${tunable%=*}"
done
touch "$folder/ready"
# As the first process of a machine it takes what is left by others.
while :; do sleep 1000000 & wait $! || true; done`;

/**
 * What stands for the machine of a node: mounts and processes of its own, in the network of the control plane. Everything that
 * runs in it, containers too, ends with its first process, and that with this one.
 */
export class NodeMachine {
  #pid = 0;

  private constructor(
    readonly folder: string,
    readonly holder: ChildProcess,
  ) {}

  /** @param network the file of its network namespace @throws with the reason why there can be none here */
  static async open(folder: string, network: string): Promise<NodeMachine> {
    await mkdir(folder, { recursive: true });
    const inside = [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
    ];
    const command = ['nsenter', `--net=${network}`, ...inside, 'bash', '-c', firstProcess, 'bash', folder, ...tunables];
    const holder = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const machine = new NodeMachine(folder, holder);
    const isReady = async () => {
      if (holder.exitCode !== null) throw new Error(`a node of its own cannot be had: ${said.trim()}`);
      return access(join(folder, 'ready')).then(
        () => true,
        () => false,
      );
    };
    await until('The machine of the node is ready', isReady, { withinMs: 20_000 });
    const children = await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8');
    machine.#pid = Number(children.trim().split(' ')[0]);
    return machine;
  }

  get #enter(): readonly string[] {
    return [`--target=${this.#pid}`, '--mount', '--net', '--pid', '--'];
  }

  /** @param log the file that takes what it says */
  async start(
    log: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ChildProcess> {
    const said = await open(log, 'a', 0o600);
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', ...this.#enter, command, ...args], {
      stdio: ['ignore', said.fd, said.fd],
      env: { ...process.env, ...environment },
    });
    await said.close();
    return child;
  }

  run(command: string, args: readonly string[]): Promise<string> {
    return shell('nsenter', [...this.#enter, command, ...args], { timeoutMs: 120_000 });
  }

  /** @param cgroups of the containers that may have been left in it */
  async end(cgroups: readonly string[]): Promise<void> {
    await ended(this.holder, 'SIGKILL');
    for (const name of cgroups) await removeCgroup(name);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
