import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { exitCodes } from '../model/exit-codes.js';
import { classifyIo, OrdealError } from '../util/errors.js';
import type { ScheduledTest } from './schedule-file.js';
import type { TestEnd } from './scheduler.js';

export interface RunFeaturesOptions {
  /** The program and the arguments that are `ordeal`. */
  readonly ordeal: readonly [program: string, ...args: string[]];
  /** Features are relative to it. */
  readonly scheduleFile: string;
  readonly stateFolder: string;
  readonly outFolder: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * `ordeal run` in a process of its own, so that whatever becomes of it the schedule goes on. Its runs, reports and log lie
 * in schedule/<test>/<moment> of the out folder. When the signal aborts, or the time is over, it is interrupted once:
 * then it heals, gives the service back, and ends; it is waited for as long as that takes.
 */
export async function runFeatures(
  test: ScheduledTest,
  dueAt: Date,
  signal: AbortSignal,
  { ordeal: [program, ...args], scheduleFile, stateFolder, outFolder, env }: RunFeaturesOptions,
): Promise<TestEnd> {
  const stamp = dueAt.toISOString().replace(/[:.]/g, '-');
  const folder = join(outFolder, 'schedule', test.id, stamp);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (e) {
    throw classifyIo(e, folder);
  }
  const features = test.features.map((f) => resolve(dirname(scheduleFile), f));
  const log = await open(join(folder, 'ordeal.log'), 'a', 0o600);
  try {
    const interrupted = { because: '' };
    const code = await new Promise<number>((settle, fail) => {
      const child = spawn(
        program,
        [
          ...args,
          'run',
          ...features,
          ...(test.tags === undefined ? [] : ['--tags', test.tags]),
          '--state',
          stateFolder,
          '--out',
          folder,
          '--no-allure',
        ],
        // A group of its own: the Ctrl-C of a terminal reaches the scheduler alone, which passes on one.
        { cwd: dirname(scheduleFile), env, stdio: ['ignore', log.fd, log.fd], detached: true },
      );
      const interrupt = (because: string) => {
        if (interrupted.because !== '') return;
        interrupted.because = because;
        child.kill('SIGINT');
      };
      const timer = setTimeout(() => interrupt(`interrupted after ${test.maxMs} ms`), test.maxMs);
      const onAbort = () => interrupt('interrupted, as the scheduler is ending');
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      child.once('error', (e) => {
        end();
        fail(new OrdealError('internal', 'The run could not be started', { where: program, cause: e }));
      });
      child.once('exit', (exitCode, killedBy) => {
        end();
        if (exitCode !== null) settle(exitCode);
        // It had not even begun to listen, so it has touched nothing.
        else if (interrupted.because !== '' && killedBy === 'SIGINT') settle(130);
        else fail(new OrdealError('internal', `The run was killed (${killedBy}): see \`ordeal status\``));
      });
    });
    const meaning = (exitCodes as Readonly<Record<number, string>>)[code] ?? `exit code ${code}`;
    return { exitCode: code, reason: [interrupted.because, meaning].filter(Boolean).join('; '), folder };
  } finally {
    await log.close();
  }
}
