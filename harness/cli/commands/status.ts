import { status } from '../../online-test/status.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';

export const statusCommand: Register = (program, action) => {
  program
    .command('status')
    .description('the open runs, and what of them would have to be undone')
    .action(
      action(async (context: Context) => {
        const runs = status(context.stateFolder);
        context.print(runs, () =>
          runs.length === 0
            ? 'Nothing is open.'
            : runs
                .map(
                  (r) =>
                    `${r.run.id} on ${r.run.serviceId}, process ${r.run.pid} ${r.alive ? 'alive' : 'gone'}\n${table(
                      ['entry', 'action', 'state', 'since'],
                      r.open.map((e) => [`  ${e.id}`, e.action.type, e.state, e.at]),
                    )}`,
                )
                .join('\n'),
        );
        return 0;
      }),
    );
};
