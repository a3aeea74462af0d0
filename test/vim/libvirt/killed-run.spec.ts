import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from '../../../harness/store/journal.js';
import { until } from '../../../harness/util/deadline.js';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import type { Started } from '../ordeal-command.js';
import { OneVmService } from './one-vm-service.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

/** Long enough for libvirt to be in the middle of it, short enough for it not to be done. */
const middleMs = 80;

type Sample = Awaited<ReturnType<typeof vmSample>>;
interface Scene {
  readonly host: LibvirtHost;
  readonly s: Sample;
  readonly watched: WatchedSocket;
  readonly service: OneVmService;
  /** What the guest's memory holds. */
  readonly remembered: number;
}

test('a run whose process and guard are killed, in mid-capture, in mid-fault and in mid-switch: `ordeal status` tells what is open, `ordeal recover` gives the VM back', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched-killed'));
  const service = await OneVmService.write(host, s, 'killed-run', watched.uri);
  const scene: Scene = { host, s, watched, service, remembered: await s.bump() };
  await test.step('in mid-capture', () => killedInMidCapture(scene));
  await test.step('in mid-fault, and its QEMU dies too', () => killedInMidFault(scene));
  await test.step('in mid-switch, and libvirtd is gone', () => killedInMidSwitch(scene));
});

async function killedInMidCapture(scene: Scene): Promise<void> {
  const { host, s, watched, service } = scene;
  const run = service.run();
  await inTime(
    run,
    watched.inTheMiddleOf(procedures.domainSnapshotCreateXml, middleMs, () => killed(run, service)),
  );
  expect((await service.status()).said, 'it is told').toMatch(/run-\S+ on one-vm, process \d+ gone/);
  await recovered(scene);
  expect(await readdir(join(host.folder, 'ordeal', 'snapshots')), 'no part of a snapshot').toEqual([]);
  expect(await readdir(join(host.folder, 'ordeal', 'overlays')), 'on the disk that it began with').toEqual([]);
  expect((await s.vim.inspect(await s.vim.locate(s.subject))).condition).toBe('');
}

async function killedInMidFault(scene: Scene): Promise<void> {
  const { host, s, service } = scene;
  const run = service.run();
  await inTime(
    run,
    until('a fault is on', () => open(service).some((e) => e.action.type === 'fault' && e.state === 'done'), {
      withinMs: 120_000,
    }),
  );
  await killed(run, service);
  expect(
    (await s.vim.faults.active()).map((f) => f.kind),
    'nobody healed it',
  ).toEqual(['stall']);
  const { said } = await service.status();
  for (const told of [/process \d+ gone/, /fault +done/, /covered/]) expect(said).toMatch(told);
  await host.daemon.killQemu(s.subject);
  await recovered(scene);
}

async function killedInMidSwitch(scene: Scene): Promise<void> {
  const { host, watched, service } = scene;
  const run = service.run();
  await inTime(
    run,
    watched.inTheMiddleOf(procedures.domainRestore, middleMs, async () => {
      await killed(run, service);
      await host.daemon.keepDaemonAway();
    }),
  );
  const without = await service.recover();
  console.log(`without libvirtd, recover ended with ${without.code}:\n${without.said}`);
  expect(without.code, 'it says that it could not').not.toBe(0);
  expect(without.said).toContain('libvirt');
  const { said } = await service.status();
  for (const told of [/quarantine +done/, /restore-as-new +intended/, /covered/]) expect(said).toMatch(told);
  await host.daemon.letDaemonComeBack();
  await recovered(scene);
}

/** SIGKILL, to the harness and to its guard. */
async function killed({ child, ended }: Started, { stateFolder }: OneVmService): Promise<void> {
  using journal = new Journal(stateFolder);
  const guard = journal.runs({ open: true })[0]?.guardPid;
  child.kill('SIGKILL');
  if (guard != null) process.kill(guard, 'SIGKILL');
  await ended;
}

/** A run that ends before it is killed has failed. */
async function inTime(run: Started, work: Promise<unknown>): Promise<void> {
  const early = run.ended.then(({ code, said }) => {
    if (code !== null) throw new Error(`it ended with ${code} before it was killed:\n${said}`);
  });
  await Promise.race([work, early]);
  await work;
}

function open({ stateFolder }: OneVmService) {
  using journal = new Journal(stateFolder);
  return journal.open();
}

async function recovered({ host, s, service, remembered }: Scene): Promise<void> {
  const { code, said } = await service.recover();
  console.log(`recover ended with ${code}:\n${said}`);
  expect(code, said).toBe(0);
  expect((await service.status()).said).toContain('Nothing is open.');
  expect((await service.recover()).said, 'recovering twice is harmless').toContain('Nothing was left behind.');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(remembered);
  expect(await s.vim.replacement.ownedBy(), 'nothing carries the mark of a run').toEqual([]);
  expect(await s.vim.faults.active()).toEqual([]);
  expect(await readdir(join(host.folder, 'ordeal', 'injections'))).toEqual([]);
}
