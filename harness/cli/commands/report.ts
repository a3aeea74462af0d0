import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Capability } from '../../model/capability.js';
import { runRecord } from '../../model/run-record.js';
import { readService, ServiceSession } from '../../online-test/session.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { sampleServices } from '../service-file.js';

interface ReportOptions {
  readonly conformance?: boolean;
  readonly proof?: string;
}

export const reportCommand: Register = (program, action) => {
  program
    .command('report')
    .description('write the reports of runs again, or the conformance matrix')
    .argument('[folder]', 'one run folder, or a folder of them (default: the last --out)')
    .option('--conformance', 'requirement by requirement and VIM by VIM: what proves it, with which result')
    .option('--proof <folder>', 'where the results of the test command lie (default: <out>/proof)')
    .action(
      action(async (context: Context, folder: string | undefined, options: ReportOptions) => {
        const reports = await context.outside.fronts.reports();
        if (options.conformance === true) {
          const proofFolder = resolve(context.outside.cwd, options.proof ?? join(context.outFolder, 'proof'));
          const text = await reports.conformanceText({
            proofFolder,
            json: context.json,
            width: context.width,
            capabilities: await capabilityTables(context),
          });
          context.outside.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
          return 0;
        }
        const root = resolve(context.outside.cwd, folder ?? context.outFolder);
        const folders = await runFolders(root);
        const records = [];
        for (const run of folders) {
          await reports.writeReports(run);
          const record = await readValidated(join(run, 'run.json'), runRecord);
          records.push(record);
          context.say(reports.summaryText(record, { width: context.width }));
        }
        if (folders.length > 1) await reports.writeCollection(root, records);
        if (context.json) context.print(records, () => '');
        else context.say(`Written again: ${folders.map((f) => join(f, 'report.html')).join(', ')}`);
        return 0;
      }),
    );
};

/** Of the VIMs that the sample services name, as they are here; what the tests found says it for one that is not. */
async function capabilityTables(context: Context): Promise<Record<string, Record<string, Capability>>> {
  const tables: Record<string, Record<string, Capability>> = {};
  for (const file of await sampleServices()) {
    try {
      await using session = await ServiceSession.open(await readService(file), context);
      for (const [kind, vim] of session.vims) tables[kind] ??= Object.fromEntries(await vim.capabilities());
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'vim-unreachable') throw e;
      context.outside.stderr.write(`Not asked, as it is not reached: ${e.message}\n`);
    }
  }
  return tables;
}

const isRun = (folder: string): Promise<boolean> =>
  stat(join(folder, 'run.json')).then(
    (s) => s.isFile(),
    () => false,
  );

async function runFolders(root: string): Promise<string[]> {
  if (await isRun(root)) return [root];
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const e of entries) {
    if (e.isDirectory() && (await isRun(join(root, e.name)))) found.push(join(root, e.name));
  }
  if (found.length > 0) return found.sort();
  throw new OrdealError('file-missing', 'There is no run in this folder', {
    where: root,
    expected: 'a folder with run.json, or a folder of such folders',
    remedy: 'Run `ordeal run` first, or name its --out folder.',
  });
}
