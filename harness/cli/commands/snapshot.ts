import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { SnapshotType } from '../../model/snapshot-descriptor.js';
import { pausedMsOf } from '../../snapshot/vnfc-snapshot-info.js';
import { OrdealError } from '../../util/errors.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';
import { chosenVnf, openSession } from '../service-file.js';
import { aroundCommand, watchCommand } from './snapshot-policies.js';

interface CreateOptions {
  readonly vnf?: string;
  readonly type?: SnapshotType;
  readonly name?: string;
}

export const snapshotCommand: Register = (program, action) => {
  const snapshot = program.command('snapshot').description('VNF Snapshots of a running service');
  snapshot
    .command('create')
    .description('one consistent VNF Snapshot')
    .argument('<service>', 'sample service or descriptor file')
    .option('--vnf <id>', 'the VNF (default: the only one)')
    .option('--type <type>', 'cold or warm (default: as the snapshot descriptor says)')
    .option('--name <name>', 'a name for it', 'by hand')
    .action(action(create));
  snapshot
    .command('list')
    .description('the VNF Snapshots of a service')
    .argument('<service>', 'sample service or descriptor file')
    .option('--vnf <id>', 'only of this VNF')
    .action(action(list));
  snapshot
    .command('show')
    .description('one VNF Snapshot with its VNFC Snapshots')
    .argument('<service>', 'sample service or descriptor file')
    .argument('<id>', 'VNF Snapshot')
    .action(action(show));
  snapshot
    .command('revert')
    .description('put the VNF back to a snapshot, in place')
    .argument('<service>', 'sample service or descriptor file')
    .argument('<id>', 'VNF Snapshot')
    .action(action(revert));
  snapshot
    .command('delete')
    .description('delete VNF Snapshots')
    .argument('<service>', 'sample service or descriptor file')
    .argument('<id...>', 'VNF Snapshots')
    .action(action(remove));
  aroundCommand(snapshot, action);
  watchCommand(snapshot, action);
};

async function create(context: Context, service: string, { vnf, type, name }: CreateOptions): Promise<number> {
  if (type !== undefined && type !== 'cold' && type !== 'warm') {
    throw new OrdealError('usage', '--type is not a snapshot type', { expected: 'cold or warm', got: String(type) });
  }
  await using session = await openSession(context, service);
  const chosen = chosenVnf(session, vnf);
  const made = await session.engine.create({
    vnf: chosen,
    name: name ?? 'by hand',
    purpose: 'manual',
    sender: 'cli',
    ...(type === undefined ? {} : { type }),
  });
  const { cut, excluded } = made.userDefinedData;
  context.print(made, () =>
    [
      `${made.id}: ${made.vnfcSnapshots.length} VNFC Snapshots of ${chosen}`,
      ...(cut === undefined ? [] : [`paused ${cut.pausedMs.toFixed(1)} ms, skew ${cut.skewMs.toFixed(1)} ms`]),
      ...excluded.map((x) => `left out: ${x.vnfcId}${x.diskId === undefined ? '' : ` disk ${x.diskId}`} (${x.reason})`),
    ].join('\n'),
  );
  return 0;
}

async function list(context: Context, service: string, { vnf }: { vnf?: string }): Promise<number> {
  await using session = await openSession(context, service);
  const found = session.engine.list(vnf === undefined ? {} : { vnf });
  context.print(found, () =>
    table(
      ['VNF Snapshot', 'VNF', 'created', 'purpose', 'VNFCs', 'name'],
      found.map((s) => [
        s.id,
        s.vnfInstanceId,
        s.creationStartedAt,
        s.userDefinedData.purpose,
        String(s.vnfcSnapshots.length),
        s.userDefinedData.name,
      ]),
    ),
  );
  return 0;
}

async function show(context: Context, service: string, id: string): Promise<number> {
  await using session = await openSession(context, service);
  const found = session.engine.show(id);
  const images: InstanceSnapshot[] = [];
  for (const info of found.vnfcSnapshots) {
    const of = info.computeSnapshotResource?.resourceId;
    if (of === undefined) continue;
    const image = await session.vimOf(session.vnfc(info.vnfcInstanceId)).snapshots.show(of);
    images.push({ ...image, pausedMs: pausedMsOf(info) ?? image.pausedMs });
  }
  context.print({ ...found, images }, () =>
    [
      `${found.id}: "${found.userDefinedData.name}" of ${found.vnfInstanceId}, ${found.creationStartedAt}`,
      table(
        ['VNFC', 'type', 'state', 'paused', 'stored', 'where'],
        images.map((i) => [
          i.resource,
          i.type,
          i.powerState,
          `${i.pausedMs.toFixed(1)} ms`,
          `${(i.bytesStored / 2 ** 20).toFixed(1)} MiB`,
          i.location,
        ]),
      ),
    ].join('\n'),
  );
  return 0;
}

async function revert(context: Context, service: string, id: string): Promise<number> {
  await using session = await openSession(context, service);
  await session.engine.revert(id);
  context.print({ reverted: id }, () => `reverted to ${id}`);
  return 0;
}

async function remove(context: Context, service: string, ids: string[]): Promise<number> {
  await using session = await openSession(context, service);
  await session.engine.delete(ids);
  context.print({ deleted: ids }, () => `deleted ${ids.join(', ')}`);
  return 0;
}
