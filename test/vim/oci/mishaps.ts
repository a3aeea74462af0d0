import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import type { VimContext } from '../../../harness/model/vim.js';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import type { ContainerHost, DaemonHost } from '../../hosts/containers/container-host.js';
import { shell } from '../../hosts/libvirt/shell.js';
import { type ContainerSample, containerSample } from './container-sample.js';

export const ballast = { subject: { ROLE: 'store', BALLAST_MIB: '96' } };

/** A full disk where a snapshot is to lie. */
export async function fillUnderCapture(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host, { environment: ballast });
  const path = join(host.folder, 'small');
  await mkdir(path);
  // The same file system for us and for the engine, whose mounts are not ours.
  const make = 'truncate -s 24M "$1" && mkfs.ext4 -q "$1" && losetup -f --show "$1"';
  const device = (await shell('sh', ['-c', make, 'sh', `${path}.img`])).trim();
  try {
    await shell('mount', [device, path]);
    await host.machine.namespaces.run('mount', device, path);
    const compute = await s.vim.locate(s.subject);
    const then = await s.bump();
    const capture = s.vim.snapshots.capture(compute, { name: 'too large', type: 'warm', path });
    await expect(capture).rejects.toMatchObject({ name: 'OrdealError', kind: 'no-space' });
    expect(await s.counter()).toBe(then);
    expect((await readdir(path)).filter((name) => name !== 'lost+found')).toEqual([]);
    expect((await s.vim.snapshots.list()).map((r) => r.name)).not.toContain('too large');
  } finally {
    await host.machine.namespaces.run('umount', path);
    await shell('umount', [path]);
    await shell('losetup', ['-d', device]);
  }
}

/** No CRIU at all where Ordeal looks for it. */
export async function captureWithoutCriu(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host);
  const options = { ...s.context.options, criu: join(host.folder, 'no-such-criu') };
  await using vim = await openVim(host.kind, { ...s.context, options });
  const row = (await vim.capabilities()).get('OP-create.memory');
  expect(row).toMatchObject({ supported: false, reason: expect.stringContaining('no-such-criu') });
  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  const warm = vim.snapshots.capture(compute, { name: 'warm', type: 'warm' });
  await expect(warm).rejects.toMatchObject({ name: 'OrdealError' });
  expect(await s.counter(), 'it goes on').toBe(then);
  await s.writeDisk('then');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'cold', type: 'cold' })).store();
  await s.writeDisk('later');
  await vim.snapshots.revert(compute, id);
  await expect.poll(() => s.readDisk(4).catch(() => ''), { timeout: 10_000 }).toBe('then');
}

/** CRIU breaks between a snapshot and its revert. */
export async function revertWithBrokenCriu(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host);
  const compute = await s.vim.locate(s.subject);
  const then = await s.bump();
  const { id } = await (await s.vim.snapshots.capture(compute, { name: 'good', type: 'warm' })).store();
  await s.bump();
  {
    await using _ = await host.machine.breakEngineCriu('this CRIU is broken');
    const failed = s.vim.snapshots.revert(compute, id);
    await expect(failed).rejects.toMatchObject({ name: 'OrdealError', message: expect.stringContaining('its dump') });
    expect(await s.vim.inspect(compute), 'nothing is lost').toMatchObject({
      powerState: 'suspended',
      condition: expect.stringContaining(id),
    });
    await expect(s.vim.pausing?.resume(compute)).rejects.toMatchObject({ name: 'OrdealError' });
  }
  await s.vim.pausing?.resume(compute);
  expect(await s.counter()).toBe(then);
  expect(await s.ping(), 'no barrier is left').toBe(true);
}

interface SwitchedTo {
  readonly s: ContainerSample;
  readonly failed: string;
  readonly fresh: string;
  readonly then: number;
  readonly switchOver: () => Promise<void>;
}

/** The subject is captured, quarantined and restored as new; what is in the way comes before the switch. */
async function readyToSwitch(
  host: ContainerHost,
  s: ContainerSample,
  before: () => Promise<void>,
): Promise<SwitchedTo> {
  const { replacement, snapshots } = s.vim;
  if (replacement === undefined) throw new Error(`${host.kind} restores nothing as new`);
  const failed = await s.vim.locate(s.subject);
  const then = await s.bump();
  const { id } = await (await snapshots.capture(failed, { name: 'good', type: 'warm', runId: 'run-1' })).store();
  await s.bump();
  await replacement.quarantine(failed, 'run-1');
  await before();
  const fresh = await replacement.restoreAsNew(id, 'run-1');
  const switchOver = () => replacement.switchOver([{ resource: s.subject, to: fresh }], 'run-1');
  return { s, failed, fresh, then, switchOver };
}

async function isServed({ s, failed, fresh, then }: SwitchedTo): Promise<void> {
  expect(await s.vim.locate(s.subject)).toBe(fresh);
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
  await s.vim.replacement?.release(failed, 'run-1');
  expect(await s.vim.replacement?.ownedBy()).toEqual([]);
  expect(await s.ping()).toBe(true);
}

/** @param deleteName takes the name from the image that the containers were made from */
export async function switchWithoutImage(host: ContainerHost, deleteName: () => Promise<unknown>): Promise<void> {
  await using s = await containerSample(host);
  const it = await readyToSwitch(host, s, async () => void (await deleteName()));
  await it.switchOver();
  await isServed(it);
}

/** The same service, whose descriptor does not say what its images are made from. */
export function withoutArchives(context: VimContext): VimContext {
  const { service } = context;
  const vnfs = service.descriptor.vnfs.map((vnf) => ({
    ...vnf,
    vnfcs: vnf.vnfcs.map((v) => ({ ...v, deployment: { ...v.deployment, archive: undefined } })),
  }));
  return { ...context, service: { ...service, descriptor: { ...service.descriptor, vnfs } } };
}

/** @param takeName gives the failed one another name and its own to a container of somebody else's */
export async function switchWithTakenName(
  host: ContainerHost,
  takeName: () => Promise<string>,
  isUntouched: (stranger: string) => Promise<void>,
): Promise<void> {
  await using s = await containerSample(host);
  let stranger = '';
  const it = await readyToSwitch(host, s, async () => {
    stranger = await takeName();
  });
  await it.switchOver();
  await isServed(it);
  await isUntouched(stranger);
}

/** The daemon dies while the memory of the new one comes back; whoever tries again finishes. */
export async function killDaemonInSwitch(host: DaemonHost): Promise<void> {
  await using s = await containerSample(host, { environment: ballast });
  const it = await readyToSwitch(host, s, async () => {});
  const switching = it.switchOver().then(
    () => 'switched',
    () => 'failed',
  );
  const isPlaced = async () => (await s.vim.locate(s.subject)) === it.fresh;
  await until('the new one has the place', isPlaced, { withinMs: 30_000, everyMs: 1 });
  await host.killDaemon();
  const first = await switching;
  await host.startDaemon();
  // What the daemon had begun below, runc or CRIU, comes to its end first.
  const again = () => it.switchOver().then(() => 'switched', String);
  await expect.poll(again, { timeout: 30_000, message: `the first time it ${first}` }).toBe('switched');
  await isServed(it);
}
