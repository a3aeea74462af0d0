import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePackages } from './debian.js';
import { shell } from './libvirt/shell.js';

/** Of its namespace. */
export const sshdPort = 2222;
const needed = { sshd: 'openssh-server', ssh: 'openssh-client' };

export interface SshdPlace {
  /** Where its folder is made. */
  readonly parent: string;
  /** The command that leads into its namespaces. */
  readonly enter: readonly [command: string, ...args: string[]];
  /** The address in there that it listens on. */
  readonly listens: string;
  /** Commands that it needs beside its own, each with its package. */
  readonly needed?: Readonly<Record<string, string>>;
}

/** An sshd in namespaces of a test, which lets nobody in but root with its one key. It ends with this process. */
export class Sshd implements AsyncDisposable {
  private constructor(
    readonly process: ChildProcess,
    readonly key: string,
    readonly folder: string,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start({ parent, enter, listens, needed: also = {} }: SshdPlace): Promise<Sshd> {
    await ensurePackages({ ...needed, ...also });
    const folder = await mkdtemp(join(parent, 'ssh-'));
    const [host, key] = [join(folder, 'host'), join(folder, 'user')];
    for (const file of [host, key]) await shell('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const config = [
      `Port ${sshdPort}`,
      `ListenAddress ${listens}`,
      `HostKey ${host}`,
      `AuthorizedKeysFile ${key}.pub`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
    ];
    await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
    const [command, ...args] = enter;
    // The folder for the separation of its rights must be there.
    await shell(command, [...args, 'mkdir', '-p', '/run/sshd']);
    const sshd = (await shell('sh', ['-c', 'command -v sshd || echo /usr/sbin/sshd'])).trim();
    const line = ['--pdeathsig', 'KILL', ...enter, sshd, '-D', '-f', join(folder, 'config')];
    return new Sshd(spawn('setpriv', line, { stdio: 'ignore' }), key, folder);
  }

  /**
   * A command in the place of ssh that takes the key of a host that nobody has met before.
   * @param withKey it brings its own key, and no configuration
   */
  async client({ withKey = false } = {}): Promise<string> {
    const file = join(this.folder, 'client');
    const own = withKey ? `-i ${this.key} -F none ` : '';
    const options = `${own}-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    await writeFile(file, `#!/bin/sh\nexec ssh ${options} "$@"\n`);
    await chmod(file, 0o755);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}
