import { execFile, spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf, OrdealError } from '../../util/errors.js';

const run = promisify(execFile);
const LAST_LINES = 4;

/** The host as the engine sees it: its mount and network namespaces, which are not always ours. */
export class EngineHost {
  #enter: Promise<readonly string[]> | undefined;

  /** @param pid of the engine's daemon; undefined where there is none, or it is ours to be in */
  constructor(readonly pid: () => Promise<number | undefined>) {}

  /** @throws OrdealError of kind capability-missing when the command is not there, vim-failed with what it said */
  async run(command: string, args: readonly string[], options: { timeoutMs?: number; input?: string } = {}) {
    const [file, ...all] = [...(await this.#prefix()), command, ...args];
    return execute(file ?? command, all, command, options);
  }

  /** The same in the network namespace of a process. @param mounts also in its mount namespace */
  async runIn(pid: number, command: string, args: readonly string[], options: { timeoutMs?: number } = {}) {
    return execute('nsenter', [`--net=/proc/${pid}/ns/net`, '--', command, ...args], command, options);
  }

  /** Looked up once: a daemon that restarts comes back in the same namespaces. */
  #prefix(): Promise<readonly string[]> {
    const found = this.#enter ?? this.#look();
    this.#enter = found;
    found.catch(() => {
      this.#enter = undefined;
    });
    return found;
  }

  async #look(): Promise<readonly string[]> {
    const pid = await this.pid();
    if (pid === undefined) return [];
    const differs = async (kind: string) =>
      (await readlink(`/proc/${pid}/ns/${kind}`)) !== (await readlink(`/proc/self/ns/${kind}`));
    const [mount, network] = await Promise.all([differs('mnt'), differs('net')]);
    if (!mount && !network) return [];
    return ['nsenter', `--target=${pid}`, ...(mount ? ['--mount'] : []), ...(network ? ['--net'] : []), '--'];
  }
}

async function execute(
  file: string,
  args: readonly string[],
  command: string,
  { timeoutMs = 60_000, input }: { timeoutMs?: number; input?: string },
): Promise<string> {
  try {
    const running = run(file, [...args], { timeout: timeoutMs, maxBuffer: 2 ** 24 });
    running.child.stdin?.end(input);
    return (await running).stdout;
  } catch (e) {
    const { stderr = '', code } = e as { stderr?: string; code?: unknown };
    if (errnoOf(e) === 'ENOENT' || code === 127) {
      throw new OrdealError('capability-missing', `"${command}" is not on the host of the containers`, {
        remedy: `Install ${command} there; Ordeal runs on that host as root.`,
      });
    }
    const said = stderr.trim().split('\n').slice(-LAST_LINES).join('; ') || String(e);
    const kind = said.includes('No space left') ? 'no-space' : 'vim-failed';
    throw new OrdealError(kind, `${command} failed`, { cause: new Error(said) });
  }
}

/** Runs on when this process has ended, and is not waited for. */
export function detach(command: string, args: readonly string[]) {
  const child = spawn(command, [...args], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  return child;
}
