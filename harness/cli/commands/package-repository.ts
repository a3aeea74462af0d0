import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { VnfSnapshotPkgInfo } from '../../package/index.js';
import type { ActionWrapper } from '../command.js';
import { type Context, table } from '../context.js';
import { openSession } from '../service-file.js';

/** The procedures of clauses 6.6 and 6.7 over the package repository of the state folder. */
export function packageRepositoryCommands(command: Command, action: ActionWrapper): void {
  const service = ['<service>', 'sample service or descriptor file'] as const;
  command
    .command('create')
    .description('package a VNF Snapshot into the repository (6.7.1)')
    .argument(...service)
    .argument('<snapshot>', 'VNF Snapshot, as `snapshot list` names it')
    .option('--name <name>', 'a name for it')
    .option('--vnfc <id>', 'a VNFC Snapshot Package of this VNFC alone (6.6.1)')
    .action(action(create));
  command
    .command('query')
    .description('the packages of the repository (6.7.5)')
    .argument(...service)
    .option('--filter <expression>', 'as in SOL013: "(eq,state,AVAILABLE)"')
    .action(action(query));
  command
    .command('import')
    .description('take a package from a file or an http(s) URL into the repository (6.7.4)')
    .argument(...service)
    .argument('<from>', 'file or URL')
    .action(action(importFrom));
  command
    .command('extract')
    .description('make a VNF Snapshot of a package, to revert to (6.7.2)')
    .argument(...service)
    .argument('<id>', 'package')
    .action(action(extract));
  command
    .command('delete')
    .description('delete packages of the repository (6.7.6)')
    .argument(...service)
    .argument('<id...>', 'packages')
    .action(action(remove));
}

async function create(
  context: Context,
  service: string,
  vnfSnapshotId: string,
  { name, vnfc }: { name?: string; vnfc?: string },
): Promise<number> {
  await using session = await openSession(context, service);
  const request = { vnfSnapshotId, sender: 'cli', ...(name === undefined ? {} : { name }) };
  const packages = await session.packages();
  const made =
    vnfc === undefined ? await packages.create(request) : await packages.createVnfc({ ...request, vnfcId: vnfc });
  context.print(made, () => `${made.id}: ${made.name}, ${made.state}`);
  return 0;
}

async function query(context: Context, service: string, { filter }: { filter?: string }): Promise<number> {
  await using session = await openSession(context, service);
  const packages = await session.packages();
  const found = (await packages.query({
    sender: 'cli',
    ...(filter === undefined ? {} : { filter: { where: filter } }),
  })) as VnfSnapshotPkgInfo[];
  context.print(found, () =>
    table(
      ['package', 'state', 'created', 'VNF Snapshot', 'name'],
      found.map((p) => [p.id, p.state, p.createdAt ?? '', p.vnfSnapshotId ?? '', p.name]),
    ),
  );
  return 0;
}

async function importFrom(context: Context, service: string, from: string): Promise<number> {
  await using session = await openSession(context, service);
  const location = /^https?:\/\//.test(from) ? from : resolve(context.outside.cwd, from);
  const packages = await session.packages();
  const info = await packages.import({ from: location, sender: 'cli' });
  context.print(info, () => `${info.id}: ${info.name}, ${info.state}`);
  return 0;
}

async function extract(context: Context, service: string, packageId: string): Promise<number> {
  await using session = await openSession(context, service);
  const packages = await session.packages();
  const snapshot = await packages.extract({ packageId, sender: 'cli' });
  context.print(
    snapshot,
    () => `${snapshot.id}: ${snapshot.vnfcSnapshots.length} VNFC Snapshots of ${snapshot.vnfInstanceId}`,
  );
  return 0;
}

async function remove(context: Context, service: string, ids: string[]): Promise<number> {
  await using session = await openSession(context, service);
  const packages = await session.packages();
  for (const id of ids) await packages.delete(id, { sender: 'cli' });
  context.print({ deleted: ids }, () => `deleted ${ids.join(', ')}`);
  return 0;
}
