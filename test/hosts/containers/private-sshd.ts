import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { ensurePackages } from '../debian.js';
import { shell } from '../libvirt/shell.js';
import type { ContainerHost } from './container-host.js';
import { diesWithUs, ended } from './namespaces.js';

const port = 2222;
const needed = { sshd: 'openssh-server', ssh: 'openssh-client' };

/** An sshd that sees what the engine of a container host sees. */
export class PrivateSshd implements AsyncDisposable {
  private constructor(
    readonly process: ChildProcess,
    /** host:port, from this process. */
    readonly address: string,
    readonly key: string,
    readonly folder: string,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start({ machine: { namespaces, ports }, folder: parent }: ContainerHost): Promise<PrivateSshd> {
    await ensurePackages(needed);
    const folder = await mkdtemp(join(parent, 'ssh-'));
    const [host, key] = [join(folder, 'host'), join(folder, 'user')];
    for (const file of [host, key]) await shell('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const config = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${host}`,
      `AuthorizedKeysFile ${key}.pub`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
    ];
    await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
    // The folder for the separation of its rights must be there.
    await namespaces.run('mkdir', '-p', '/run/sshd');
    const sshd = (await shell('sh', ['-c', 'command -v sshd || echo /usr/sbin/sshd'])).trim();
    const line = [...diesWithUs, 'nsenter', ...namespaces.enter, sshd, '-D', '-f', join(folder, 'config')];
    const process = spawn('setpriv', line, { stdio: 'ignore' });
    const at = await ports.reach(`127.0.0.1:${port}`);
    const listens = () => namespaces.run('sh', '-c', `ss -Hltn sport = :${port}`);
    await until('sshd listens', async () => (await listens()) !== '', { withinMs: 20_000 });
    return new PrivateSshd(process, at.replace('http://', ''), key, folder);
  }

  /** A command in the place of ssh that has the key, and takes that of a host that nobody has met before. */
  async client(): Promise<string> {
    const file = join(this.folder, 'client');
    const options = `-i ${this.key} -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    await writeFile(file, `#!/bin/sh\nexec ssh ${options} "$@"\n`);
    await chmod(file, 0o755);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.process, 'SIGKILL');
  }
}
