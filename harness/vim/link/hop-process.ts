import { spawn } from 'node:child_process';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { isAlive, processOf } from '../../store/process-identity.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { until, withDeadline } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';

const READY_MS = 20_000;
const ANSWER_MS = 30_000;
const identity = z.object({ host: z.string(), pid: z.number(), processStartedAt: z.string() });

/** A detached process that holds one fault of a link: any process finds it again by what lies in its folder. */
export class HopProcess {
  /** @param folder its path must be short: a unix socket's has at most 107 bytes */
  constructor(readonly folder: string) {}

  get control(): string {
    return join(this.folder, 'control');
  }

  /**
   * @param program is told the file with the plan, and listens on `control` when it is ready
   * @param prefix the command that leads into another namespace; it must not fork
   * @returns its process id
   */
  async start(program: string, plan: object, prefix: readonly string[] = []): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o711 });
    const file = join(this.folder, 'plan.json');
    await writeAtomically(file, JSON.stringify(plan));
    const [command = process.execPath, ...args] = [...prefix, process.execPath, program, file];
    const child = spawn(command, args, { detached: true, stdio: 'ignore' });
    child.unref();
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    const { pid } = child;
    if (pid === undefined) return failed;
    await Promise.race([this.#listens(file), failed]);
    await writeAtomically(join(this.folder, 'process.json'), JSON.stringify(processOf(pid)));
    return pid;
  }

  /** @returns undefined when it is gone: nothing passes it any more */
  async ask<S extends z.ZodType>(request: string, answer: S): Promise<z.output<S> | undefined> {
    try {
      return await withDeadline(ANSWER_MS, `The impaired link: to ${request}`, async (signal) => {
        const line = await oneLine(this.control, request, signal);
        return line === undefined ? undefined : answer.parse(JSON.parse(line));
      });
    } catch (e) {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(errnoOf(e) ?? '')) return undefined;
      throw e;
    }
  }

  /** One that does not end when it is told to. Idempotent. */
  async kill(): Promise<void> {
    const it = await readValidated(join(this.folder, 'process.json'), identity).catch((e: unknown) => {
      if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
      throw e;
    });
    if (it !== undefined && isAlive(it)) process.kill(it.pid, 'SIGKILL');
  }

  async forget(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #listens(file: string): Promise<void> {
    const looks = async () => {
      const failure = await readFile(`${file}.error`, 'utf8').catch(absent);
      if (failure !== undefined) throw new OrdealError('vim-failed', `The link cannot be impaired: ${failure}`);
      return access(this.control).then(
        () => true,
        () => false,
      );
    };
    await until('The process that impairs the link listens', looks, { withinMs: READY_MS });
  }
}

function oneLine(path: string, request: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.once('error', reject);
    socket.once('close', () => resolve(undefined));
    const lines = createInterface({ input: socket });
    // It says the errors of its socket again.
    lines.once('error', reject);
    lines.once('line', (line) => {
      resolve(line);
      socket.destroy();
    });
    socket.write(`${request}\n`);
  });
}

function absent(e: unknown): undefined {
  if (errnoOf(e) === 'ENOENT') return undefined;
  throw e;
}
