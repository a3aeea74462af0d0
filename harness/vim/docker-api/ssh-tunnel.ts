import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';

const OPEN_MS = 30_000;
const ADDRESS = /^ssh:\/\/(?:([^@/:]+)@)?([^@/:]+)(?::(\d+))?(\/.*)?$/;

export const isSsh = (host: string): boolean => host.startsWith('ssh://');

/**
 * A socket on this machine that leads to a daemon's on another one, through ssh with its own configuration, keys and known
 * hosts. It ends with us: what holds it open is our end of a pipe. Source: ssh(1), -L.
 */
export class SshTunnel implements AsyncDisposable {
  private constructor(
    readonly child: ChildProcess,
    readonly folder: string,
  ) {}

  /**
   * @param host ssh://[user@]host[:port][/path of the socket] @param socket where the host does not say
   * @throws OrdealError of kind file-invalid, or vim-unreachable with what ssh said
   */
  static async open(
    host: string,
    { command, socket, option }: { command: string; socket: string; option: string },
  ): Promise<SshTunnel> {
    const [matches, user, name, port, path] = ADDRESS.exec(host) ?? [];
    if (matches === undefined || name === undefined) {
      throw new OrdealError('file-invalid', 'This is no address of a daemon behind ssh', {
        where: option,
        expected: 'ssh://user@host:port/path/of/its/socket; user, port and path may be left out',
        got: host,
      });
    }
    const folder = await mkdtemp(join(tmpdir(), 'ordeal-ssh-'));
    const here = join(folder, 'daemon.sock');
    const options = ['-T', '-o', 'BatchMode=yes', '-o', 'ExitOnForwardFailure=yes', '-o', 'ControlPath=none'];
    const to = [...(port === undefined ? [] : ['-p', port]), '-L', `${here}:${path ?? socket}`, '--'];
    const target = user === undefined ? name : `${user}@${name}`;
    // The other side waits for the end of our pipe, which comes however we end.
    const child = spawn(command, [...options, ...to, target, 'cat >/dev/null'], { stdio: ['pipe', 'ignore', 'pipe'] });
    const tunnel = new SshTunnel(child, folder);
    let said = '';
    let failure: Error | undefined;
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(-2000);
    });
    child.once('error', (e) => {
      failure = e;
    });
    const isOpen = async () => {
      if (failure !== undefined) throw failure;
      if (child.exitCode !== null) throw new Error(said.trim() || `ssh ended with ${child.exitCode}`);
      return isThere(here);
    };
    try {
      await until(`The way to ${host}`, isOpen, { withinMs: OPEN_MS, everyMs: 20 });
    } catch (e) {
      await tunnel[Symbol.asyncDispose]();
      throw new OrdealError('vim-unreachable', `There is no way to ${host}`, {
        where: option,
        cause: e,
        remedy: `Try \`ssh ${target} true\`: it must work without a password, and the host must be a known one.`,
      });
    }
    return tunnel;
  }

  get socket(): string {
    return join(this.folder, 'daemon.sock');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isOver = this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
    const ended = isOver ? undefined : new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
