import { exitCodeOfError } from '../../model/exit-codes.js';
import { type RecoveryStep, recover } from '../../online-test/recover.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';

export const recoverCommand: Register = (program, action) => {
  program
    .command('recover')
    .description('heal, thaw and restore what a dead run or snapshot left behind; only what carries its id')
    .option('--dry-run', 'show what would be done')
    .action(
      action(async (context: Context, { dryRun }: { dryRun?: boolean }) => {
        const steps = await recover(context.stateFolder, { dryRun: dryRun === true, say: (l) => context.say(l) });
        context.print(steps, () =>
          steps.length === 0
            ? 'Nothing was left behind.'
            : table(
                ['run', 'step', 'outcome'],
                steps.map((s) => [s.runId, s.what, s.outcome + (s.reason === undefined ? '' : `: ${s.reason}`)]),
              ),
        );
        return exitCodeOf(steps);
      }),
    );
};

/** What is still open is worse news than what cannot be told. */
function exitCodeOf(steps: readonly RecoveryStep[]): number {
  const some = (outcome: RecoveryStep['outcome']) => steps.some((s) => s.outcome === outcome);
  if (some('failed')) return exitCodeOfError('vim-failed');
  return some('inconclusive') ? exitCodeOfError('inconclusive') : 0;
}
