import { basename, dirname } from 'node:path';
import { vnfcsOf } from '../../model/network-service.js';
import type { ComputeState } from '../../model/vim.js';
import { readService } from '../../online-test/session.js';
import { OrdealError } from '../../util/errors.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';
import { openSession, sampleServices } from '../service-file.js';

export const servicesCommand: Register = (program, action) => {
  const services = program.command('services').description('the sample services, and what of a service runs');
  services.command('list', { isDefault: true }).description('the sample services').action(action(list));
  services
    .command('show')
    .description('the VNFCs of a service as its VIMs see them now')
    .argument('<service>', 'sample service or descriptor file')
    .action(action(show));
  services
    .command('start')
    .description('bring a service up and leave it running; its population is put in')
    .argument('<service>', 'sample service or descriptor file')
    .action(action(start));
  services
    .command('stop')
    .description('take down a service that `start` brought up')
    .argument('<service>', 'sample service or descriptor file')
    .action(action(stop));
};

async function list(context: Context): Promise<number> {
  const rows: { id: string; file: string; description: string }[] = [];
  for (const file of await sampleServices()) {
    const { descriptor } = await readService(file);
    rows.push({ id: basename(dirname(file)), file, description: descriptor.name ?? descriptor.id });
  }
  context.print(rows, () =>
    table(
      ['service', 'what it is'],
      rows.map((r) => [r.id, r.description]),
    ),
  );
  return 0;
}

async function show(context: Context, name: string): Promise<number> {
  await using session = await openSession(context, name);
  const states: (ComputeState & { vnfc: string })[] = [];
  for (const vnfc of vnfcsOf(session.service.descriptor)) {
    states.push({ vnfc: vnfc.id, ...(await session.vimOf(vnfc).inspect(await session.locate(vnfc))) });
  }
  context.print(states, () =>
    table(
      ['VNFC', 'compute', 'state', 'external', 'condition'],
      states.map((s) => [
        s.vnfc,
        s.computeId,
        s.quarantined ? 'quarantined' : s.powerState,
        s.connectionPoints
          .filter((c) => c.link === undefined)
          .map((c) => c.address)
          .join(' '),
        s.condition,
      ]),
    ),
  );
  return 0;
}

async function start(context: Context, name: string): Promise<number> {
  await using session = await openSession(context, name);
  await session.start();
  session.leaveRunning();
  return show(context, name);
}

async function stop(context: Context, name: string): Promise<number> {
  await using session = await openSession(context, name);
  const holder = session.journal.runs({ open: true }).find((r) => r.serviceId === session.service.descriptor.id);
  if (holder !== undefined) {
    throw new OrdealError('busy', `Run ${holder.id} is open on this service`, { remedy: 'Wait, or `ordeal recover`.' });
  }
  for (const vim of session.vims.values()) await vim.instantiation?.terminate();
  context.print({ stopped: session.service.descriptor.id }, () => `${session.service.descriptor.id} is stopped`);
  return 0;
}
