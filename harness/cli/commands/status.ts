import { abandonedOperations, type OpenRun, status } from '../../online-test/status.js';
import type { OperationRecord } from '../../store/operations.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';

export const statusCommand: Register = (program, action) => {
  program
    .command('status')
    .description('the open runs, operations whose process has died, and what of them would have to be undone')
    .action(
      action(async (context: Context) => {
        const runs = status(context.stateFolder);
        const operations = await abandonedOperations(context.stateFolder);
        context.print([...runs, ...operations.map((operation) => ({ operation }))], () =>
          runs.length + operations.length === 0
            ? 'Nothing is open.'
            : [...runs.map(tellRun), ...operations.map(tellOperation)].join('\n'),
        );
        return 0;
      }),
    );
};

const tellRun = ({ run, alive, open }: OpenRun): string =>
  `${run.id} on ${run.serviceId}, process ${run.pid} ${alive ? 'alive' : 'gone'}\n${table(
    ['entry', 'action', 'state', 'since'],
    open.map((e) => [`  ${e.id}`, e.action.type, e.state, e.at]),
  )}`;

const tellOperation = ({ id, kind, service, startedAt, undo }: OperationRecord): string =>
  `${id}, a ${kind} on ${service} since ${startedAt}, process gone; to undo: ${undo.length}; run \`ordeal recover\``;
