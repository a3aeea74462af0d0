import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodeOfError } from '../../model/exit-codes.js';
import { hostedResults } from '../../model/hosting.js';
import { recover, status } from '../../online-test/recover.js';
import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { packageRoot } from '../../util/package-root.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { HandOver } from '../hosted/hand-over.js';

/** How long whatever is left open is tried to be given back, and how long between two attempts, in milliseconds. */
const recoverMs = 5 * 60_000;
const againMs = 5000;

/** The first process of a pod: it outlives the run and its guard, so that neither is ended before the service is given back. */
export const hostedCommand: Register = (program, action) => {
  program
    .command('hosted', { hidden: true })
    .description(
      'inside of a cluster: run `ordeal` with these arguments, give back what it leaves, hand over its results',
    )
    .argument('<arguments...>', 'after --')
    .action(action(hosted));
};

async function hosted(context: Context, args: string[]): Promise<number> {
  const { outside, outFolder } = context;
  await mkdir(outFolder, { recursive: true, mode: 0o700 });
  const token = outside.env[hostedResults.tokenVariable];
  using handOver = token === undefined ? undefined : await HandOver.open(token, outFolder);
  const code = await runAlone(context, args);
  const left = await giveBack(context);
  const exitCode = left ? exitCodeOfError('vim-failed') : code;
  if (handOver !== undefined && !(await handOver.offer(exitCode))) context.say('Nobody came for the results.');
  return exitCode;
}

/** What asks this process to end asks the run: once, so that it heals first. */
function runAlone(context: Context, args: readonly string[]): Promise<number> {
  const { outside } = context;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'ordeal.js'), ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...outside.env, [hostedResults.tokenVariable]: undefined },
      cwd: outside.cwd,
    });
    let isAsked = false;
    const stopListening = outside.onInterrupt(() => {
      if (!isAsked) child.kill('SIGINT');
      isAsked = true;
    });
    child.once('error', (e) => {
      stopListening();
      reject(new OrdealError('internal', 'The run could not be started', { cause: e }));
    });
    child.once('exit', (code) => {
      stopListening();
      resolve(code ?? exitCodeOfError('internal'));
    });
  });
}

/** The guard of a run that died does it; where it could not, so does this. @returns whether something is left all the same */
async function giveBack(context: Context): Promise<boolean> {
  const end = performance.now() + recoverMs;
  while (status(context.stateFolder).length > 0) {
    if (performance.now() > end) return true;
    for (const step of await recover(context.stateFolder, { say: (line) => context.say(line) })) {
      context.say(`${step.runId}: ${step.what}: ${step.outcome}${step.reason === undefined ? '' : `, ${step.reason}`}`);
    }
    if (status(context.stateFolder).length > 0) await sleep(againMs);
  }
  return false;
}
