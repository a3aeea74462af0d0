import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePackages } from '../debian.js';
import type { PrivateLibvirtd } from './private-libvirtd.js';
import { shell } from './shell.js';

const port = 2222;
const needed = { sshd: 'openssh-server', ssh: 'openssh-client', nc: 'netcat-openbsd' };

/** An sshd that sees what a private libvirtd sees, on its bridge; it ends with it. */
export class PrivateSshd implements AsyncDisposable {
  private constructor(
    readonly process: ChildProcess,
    /** Of its namespace. */
    readonly address: string,
    readonly key: string,
    readonly folder: string,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start(daemon: PrivateLibvirtd): Promise<PrivateSshd> {
    await ensurePackages(needed);
    const folder = join(daemon.folder, 'ssh');
    await mkdir(folder, { mode: 0o700 });
    const [host, key] = [join(folder, 'host'), join(folder, 'user')];
    for (const file of [host, key]) await shell('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const config = [
      `Port ${port}`,
      'ListenAddress 10.77.0.1',
      `HostKey ${host}`,
      `AuthorizedKeysFile ${key}.pub`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
    ];
    await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
    const [command, ...enter] = await daemon.inItsFiles();
    const network = `--net=/proc/${await daemon.innerPid()}/ns/net`;
    // The folder for the separation of its rights must be there.
    await shell(command, [...enter, 'mkdir', '-p', '/run/sshd']);
    const sshd = (await shell('sh', ['-c', 'command -v sshd || echo /usr/sbin/sshd'])).trim();
    const line = ['--pdeathsig', 'KILL', command, ...enter, network, sshd, '-D', '-f', join(folder, 'config')];
    const process = spawn('setpriv', line, { stdio: 'ignore' });
    return new PrivateSshd(process, `10.77.0.1:${port}`, key, folder);
  }

  /** A command in the place of ssh that takes the key of a host that nobody has met before. */
  async client(): Promise<string> {
    const file = join(this.folder, 'client');
    const options = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
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
