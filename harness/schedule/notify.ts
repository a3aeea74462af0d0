import { spawn } from 'node:child_process';
import { withDeadline } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import type { Notice, ScheduleOutcome } from './schedule-file.js';

/** What is told of one moment at which a test was due. */
export interface ScheduleNotice {
  readonly notificationType: 'OrdealScheduledTest';
  readonly test: string;
  readonly service: string;
  readonly outcome: ScheduleOutcome;
  /** ISO 8601. */
  readonly dueAt: string;
  readonly startedAt?: string;
  readonly finishedAt: string;
  readonly exitCode?: number;
  /** One sentence. */
  readonly reason: string;
  /** Where the run folders and the log are. */
  readonly folder?: string;
}

const withinMs = 15_000;

/** @throws OrdealError when it was not heard */
export async function notify(
  to: Notice,
  told: ScheduleNotice,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { webhook, authorizationVariable, command } = to;
  if (webhook !== undefined) {
    const authorization = authorizationVariable === undefined ? undefined : env[authorizationVariable];
    await withDeadline(withinMs, `The notice to ${webhook}`, (signal) => post(webhook, authorization, told, signal));
  }
  if (command !== undefined) await run(command, told, env);
}

async function post(url: string, authorization: string | undefined, told: ScheduleNotice, signal: AbortSignal) {
  const response = await fetch(url, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: JSON.stringify(told),
  });
  const body = await response.text();
  if (response.ok) return;
  throw new OrdealError('vim-failed', 'The notice was refused', {
    where: url,
    got: `${response.status} ${body.slice(0, 200)}`.trim(),
  });
}

const keptBytes = 2048;

function run([file = '', ...args]: readonly string[], told: ScheduleNotice, env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) =>
      reject(new OrdealError('vim-failed', `The command "${file}" for the notice failed`, { cause }));
    const child = spawn(file, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      env,
      timeout: withinMs,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-keptBytes);
    });
    child.on('error', failed);
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve();
      else failed(`${killedBy ?? `exit code ${code}`} ${said.trim()}`.trim());
    });
    // A command that does not read its input is none the worse for it.
    child.stdin.on('error', () => child.stdin.destroy());
    child.stdin.end(`${JSON.stringify(told)}\n`);
  });
}
