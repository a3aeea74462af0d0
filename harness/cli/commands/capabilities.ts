import { faultKinds } from '../../model/fault.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';
import { openSession } from '../service-file.js';

export const capabilitiesCommand: Register = (program, action) => {
  program
    .command('capabilities')
    .description('what the VIMs of a service can do here, found by probing the host; each gap with its reason')
    .argument('[service]', 'sample service or descriptor file', 'session-gateway')
    .option('--vim <kind>', 'only this VIM')
    .action(
      action(async (context: Context, service: string, { vim }: { vim?: string }) => {
        await using session = await openSession(context, service);
        const tables: Record<string, Record<string, unknown>> = {};
        const rows: string[][] = [];
        for (const [kind, driver] of session.vims) {
          if (vim !== undefined && vim !== kind) continue;
          const capabilities = await driver.capabilities();
          tables[kind] = Object.fromEntries(capabilities);
          for (const [row, c] of capabilities) {
            rows.push([kind, row, c.supported ? 'yes' : 'no', c.supported ? (c.how ?? '') : c.reason]);
          }
        }
        context.print({ vims: tables, faultKinds }, () => table(['VIM', 'capability', '', 'how, or why not'], rows));
        return 0;
      }),
    );
};
