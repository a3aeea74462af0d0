import { execFile, spawn } from 'node:child_process';
import { type FileHandle, open, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf, OrdealError } from '../../util/errors.js';

const run = promisify(execFile);
const LAST_LINES = 4;

interface RunOptions {
  /** Default: a minute. */
  readonly timeoutMs?: number;
  readonly input?: string;
  /** Besides the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The host as the engine sees it: its mount and network namespaces, which are not always ours. They are held open, so that
 * they are there while the engine's daemon is not.
 */
export class EngineHost implements AsyncDisposable {
  private constructor(
    readonly handles: readonly FileHandle[],
    readonly prefix: readonly string[],
  ) {}

  /**
   * @param pid of the engine's daemon; undefined where there is none, or where it is in our own namespaces
   * @throws OrdealError of kind vim-unreachable when there is no such process
   */
  static async open(pid: number | undefined): Promise<EngineHost> {
    if (pid === undefined) return new EngineHost([], []);
    const handles: FileHandle[] = [];
    const prefix: string[] = [];
    try {
      for (const [kind, option] of [
        ['mnt', '--mount'],
        ['net', '--net'],
      ] as const) {
        const file = `/proc/${pid}/ns/${kind}`;
        if ((await readlink(file)) === (await readlink(`/proc/self/ns/${kind}`))) continue;
        const handle = await open(file, 'r');
        handles.push(handle);
        prefix.push(`${option}=/proc/${process.pid}/fd/${handle.fd}`);
      }
    } catch (e) {
      for (const handle of handles) await handle.close();
      throw new OrdealError('vim-unreachable', `The engine's daemon, process ${pid}, is not there`, {
        cause: e,
        remedy: 'Start it, check pidFile in the descriptor, and run Ordeal on its host as root.',
      });
    }
    return new EngineHost(handles, prefix.length === 0 ? [] : ['nsenter', ...prefix, '--']);
  }

  /** The namespaces of the process whose id is in a file; without such a file: our own. */
  static async ofPidFile(file: string | undefined): Promise<EngineHost> {
    if (file === undefined) return EngineHost.open(undefined);
    const pid = await readFile(file, 'utf8').catch((e: unknown) => {
      if (errnoOf(e) === 'ENOENT') return undefined;
      throw e;
    });
    return EngineHost.open(pid === undefined ? undefined : Number(pid));
  }

  /** @throws OrdealError of kind capability-missing when the command is not there, vim-failed with what it said */
  async run(command: string, args: readonly string[], options: RunOptions = {}) {
    const [file, ...all] = [...this.prefix, command, ...args];
    return execute(file ?? command, all, command, options);
  }

  /** The same in the network namespace of a process. */
  async runIn(pid: number, command: string, args: readonly string[], options: RunOptions = {}) {
    return execute('nsenter', [`--net=/proc/${pid}/ns/net`, '--', command, ...args], command, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.handles.map((h) => h.close()));
  }
}

async function execute(
  file: string,
  args: readonly string[],
  command: string,
  { timeoutMs = 60_000, input, env }: RunOptions,
): Promise<string> {
  try {
    const running = run(file, [...args], {
      timeout: timeoutMs,
      maxBuffer: 2 ** 24,
      ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
    });
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
