import { exitCodeOfError } from '../../model/exit-codes.js';
import { type StoppedRun, stopRuns } from '../../online-test/stop.js';
import { OrdealError } from '../../util/errors.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';

export const stopCommand: Register = (program, action) => {
  program
    .command('stop')
    .description('stop a run from another terminal: its faults are healed at once, then the service is given back')
    .argument('[run]', 'the run, as `ordeal status` shows it')
    .option('--all', 'every open run of this state folder')
    .action(action((context: Context, run: string | undefined, { all }: { all?: boolean }) => stop(context, run, all)));
};

async function stop(context: Context, run: string | undefined, all = false): Promise<number> {
  if ((run === undefined) !== all) {
    throw new OrdealError('usage', 'It is not clear what is to be stopped', {
      expected: 'either a run or --all',
      remedy: 'See `ordeal status` for the open runs.',
    });
  }
  const stopped = await stopRuns(context.stateFolder, run === undefined ? {} : { runId: run });
  context.print(stopped, () =>
    stopped.length === 0
      ? 'No run is open.'
      : table(
          ['run', 'service', 'outcome'],
          stopped.map((s) => [s.runId, s.serviceId, outcome(s)]),
        ),
  );
  return stopped.every((s) => s.healed) ? 0 : exitCodeOfError('timeout');
}

function outcome({ healed, held, afterMs }: StoppedRun): string {
  const after = `after ${Math.round(afterMs)} ms`;
  if (healed) return `no fault is on, ${after}; the service is being given back`;
  return held
    ? `a fault is still on ${after}: see \`ordeal status\``
    : `a fault is still on ${after}, and its process is gone: run \`ordeal recover\``;
}
