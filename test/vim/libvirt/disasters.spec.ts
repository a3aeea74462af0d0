import { spawn } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { networkService } from '../../../harness/model/network-service.js';
import { ServiceSession } from '../../../harness/online-test/session.js';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtVim } from '../../../harness/vim/libvirt/libvirt-vim.js';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { shell } from '../../hosts/libvirt/shell.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 420_000 });

/** Long enough for libvirt to be in the middle of it, short enough for it not to be done. */
const middleMs = 80;

type Sample = Awaited<ReturnType<typeof vmSample>>;
interface Scene {
  readonly host: LibvirtHost;
  readonly watched: WatchedSocket;
}
const disasters: readonly (readonly [string, (scene: Scene) => Promise<void> | void])[] = [
  ['libvirtd is killed', ({ host }) => host.daemon.killDaemon()],
  ['the connection is lost', ({ watched }) => watched.cut()],
  ['QEMU is killed', ({ host }) => host.daemon.killQemu('subject')],
];

const outcome = <T>(work: Promise<T>): Promise<T | Error> => work.catch((e: unknown) => e as Error);

test('whatever is killed or lost in the middle of a capture, a revert or a switch-over: the VNFC serves, and nothing is left', {
  tag: ['@vim:libvirt'],
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched'));
  const scene: Scene = { host, watched };
  await s.writeDisk('before');
  for (const [name, strike] of disasters) {
    await test.step(`a capture, and ${name}`, () => captureCutShort(s, scene, name, strike));
    await test.step(`a revert, and ${name}`, () => revertCutShort(s, scene, strike));
    await test.step(`a switch-over, and ${name}`, () => switchCutShort(s, scene, strike));
  }
});

test('a disk that is full, or becomes full, fails a capture, a revert and a new domain: the VNFC serves on, and nothing is left', {
  tag: ['@vim:libvirt'],
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  const folder = join(host.folder, 'small');
  await mkdir(folder);
  const [command, ...enter] = await host.daemon.inItsFiles();
  await shell(command, [...enter, 'mount', '-t', 'tmpfs', '-o', 'size=160m', 'none', folder]);
  const context = { ...s.context, options: { ...s.context.options, folder } };
  const inside = async <T extends z.ZodType>(what: string, said: T, snapshotId = ''): Promise<z.output<T>> => {
    const told = JSON.stringify({ context, resource: s.subject, folder, snapshotId });
    const main = fileURLToPath(new URL('./full-disk-main.js', import.meta.url));
    const child = spawn(command, [...enter, process.execPath, main, what], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(told);
    return said.parse(JSON.parse(await text(child.stdout)));
  };
  const nothing = { snapshots: [], folders: [], overlays: 0, owned: 0, powerState: 'on' };
  const then = await s.bump();
  const full = await inside('capture', capturedFull);
  expect(full.preflight).toContainEqual(expect.objectContaining({ prevents: true }));
  for (const refused of [full.atOnce, full.inTheMiddle]) expect(refused.kind, refused.message).toBe('no-space');
  expect(full.after).toEqual(nothing);
  expect(await s.bump()).toBe(then + 1);

  const restored = await inside('restore', restoredFull, full.id);
  for (const refused of [restored.revert, restored.asNew]) expect(refused.kind, refused.message).toBe('no-space');
  expect(restored.after).toEqual({ ...nothing, snapshots: [full.id], folders: [full.id], overlays: 1 });
  expect(await s.counter(), 'what could not be reverted goes on').toBe(then + 1);

  expect(await inside('revert', z.object({ after: z.unknown() }), full.id)).toEqual({ after: nothing });
  expect(await s.counter()).toBe(then);
});

const refusal = z.object({ kind: z.string(), message: z.string() });
const capturedFull = z.object({
  preflight: z.array(z.object({ prevents: z.boolean(), what: z.string() })),
  atOnce: refusal,
  inTheMiddle: refusal,
  after: z.unknown(),
  id: z.string(),
});
const restoredFull = z.object({ revert: refusal, asNew: refusal, after: z.unknown() });

type Strike = (scene: Scene) => Promise<void> | void;
const ordealFolder = (host: LibvirtHost, name: string) => readdir(join(host.folder, 'ordeal', name));

async function captureCutShort(s: Sample, scene: Scene, name: string, strike: Strike): Promise<void> {
  const { host, watched } = scene;
  await using vim = await LibvirtVim.open(throughWatched(s, watched));
  const then = await s.bump();
  const compute = await vim.locate(s.subject);
  const struck = watched.inTheMiddleOf(procedures.domainSnapshotCreateXml, middleMs, () => strike(scene));
  const ended = await outcome(vim.snapshots.capture(compute, { name: 'cut short', type: 'warm' }));
  await struck;
  console.log(`capture, ${name}: ${ended instanceof Error ? ended.message : 'captured all the same'}`);
  if (ended instanceof Error) expect(ended).toMatchObject({ name: 'OrdealError' });
  else await ended.discard();
  expect(await vim.snapshots.list()).toEqual([]);
  expect(await ordealFolder(host, 'snapshots'), 'no part of a snapshot').toEqual([]);
  expect(await ordealFolder(host, 'overlays'), 'no overlay that was for it').toEqual([]);
  if (name === 'QEMU is killed') {
    await until('libvirt has noticed', async () => (await vim.inspect(compute)).powerState !== 'on', {
      withinMs: 20_000,
    });
    await vim.start(compute);
    await expect.poll(() => s.readDisk(6).catch(String), { timeout: 120_000 }).toBe('before');
  } else {
    await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(then);
  }
}

/** Through the engine, which keeps a way back. */
async function revertCutShort(s: Sample, scene: Scene, strike: Strike): Promise<void> {
  const { host, watched } = scene;
  const { descriptor, ...place } = s.service;
  const [vnf] = descriptor.vnfs;
  const alone = networkService.parse({
    ...descriptor,
    vims: { libvirt: throughWatched(s, watched).options },
    vnfs: [{ ...vnf, vnfcs: vnf?.vnfcs.filter((v) => v.id === 'subject') }],
  });
  const stateFolder = join(host.folder, 'disasters');
  await using session = await ServiceSession.open({ ...place, descriptor: alone }, { stateFolder });
  const { engine } = session;
  const then = await s.bump();
  const { id } = await engine.create({ vnf: 'vms', name: 'good', purpose: 'manual', type: 'warm' });
  const now = await s.bump();
  const struck = watched.inTheMiddleOf(procedures.domainRestore, middleMs, () => strike(scene));
  const ended = await outcome(engine.revert(id));
  await struck;
  console.log(`revert: ${ended instanceof Error ? ended.message : 'reverted all the same'}`);
  // All of one moment or all of the other: the counter is in the memory.
  const expected = ended instanceof Error ? now : then;
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(expected);
  expect(await s.readDisk(6)).toBe('before');
  await engine.delete([id], { consolidate: true });
  expect(await ordealFolder(host, 'snapshots')).toEqual([]);
  expect(await ordealFolder(host, 'overlays')).toEqual([]);
}

async function switchCutShort(s: Sample, scene: Scene, strike: Strike): Promise<void> {
  const { host, watched } = scene;
  await using vim = await LibvirtVim.open(throughWatched(s, watched));
  const runId = 'run-disaster';
  const then = await s.bump();
  const failed = await vim.locate(s.subject);
  const good = await (await vim.snapshots.capture(failed, { name: 'good', type: 'warm', runId })).store();
  await s.bump();
  await vim.replacement.quarantine(failed, runId);

  const anew = async (): Promise<string> => {
    const owned = await vim.replacement.ownedBy(runId);
    for (const { computeId, quarantined } of owned) if (!quarantined) await vim.replacement.release(computeId, runId);
    return vim.replacement.restoreAsNew(good.id, runId);
  };
  const struckAtRestore = watched.inTheMiddleOf(procedures.domainRestore, middleMs, () => strike(scene));
  const made = await outcome(vim.replacement.restoreAsNew(good.id, runId));
  await struckAtRestore;
  if (made instanceof Error) expect(made).toMatchObject({ name: 'OrdealError' });
  let fresh = made instanceof Error ? await anew() : made;

  const pairs = () => [{ resource: s.subject, to: fresh }];
  const struckAtSwitch = watched.inTheMiddleOf(procedures.domainSetMetadata, 0, () => strike(scene));
  const switched = await outcome(vim.replacement.switchOver(pairs(), runId));
  await struckAtSwitch;
  console.log(`switch-over: ${switched instanceof Error ? switched.message : 'switched all the same'}`);
  expect([failed, fresh], 'one of them has the place at every moment').toContain(await vim.locate(s.subject));
  const again = await outcome(vim.replacement.switchOver(pairs(), runId));
  if (again instanceof Error) {
    // Its memory is gone with its QEMU: it is made once more.
    expect(again.message).toMatch(/restore the snapshot as new once more/);
    fresh = await anew();
    await vim.replacement.switchOver(pairs(), runId);
  }
  expect(await vim.locate(s.subject)).toBe(fresh);
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(then);
  await vim.replacement.release(failed, runId);
  expect(await vim.replacement.ownedBy()).toEqual([]);
  await vim.snapshots.delete([good.id], { consolidate: true });
  expect(await ordealFolder(host, 'snapshots')).toEqual([]);
}

const throughWatched = (s: Sample, watched: WatchedSocket): Sample['context'] => ({
  ...s.context,
  options: { ...s.context.options, uri: watched.uri },
});
