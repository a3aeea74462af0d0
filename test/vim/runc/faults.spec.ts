import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Injection } from '../../../harness/model/fault.js';
import { until } from '../../../harness/util/deadline.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import type { RuncHost } from '../../hosts/containers/runc-host.js';
import { containerSample } from '../oci/container-sample.js';

test.describe.configure({ timeout: 120_000 });

const injection = (kind: string, params: Injection['params'], target: Injection['target'] = { link: 'lan' }) => ({
  id: `effect-${kind}`,
  runId: 'run-1',
  kind,
  vim: 'runc',
  target,
  params,
  seed: 3,
  expiresAfterMs: 60_000,
});

/** A store and a worker that keeps one TCP connection to it. */
const roles = { subject: { ROLE: 'store' }, peer: { ROLE: 'worker', STORE: '10.78.0.11:8080' } };

async function took(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

const leftovers = async (host: RuncHost) => ({
  tables: (await host.machine.namespaces.run('nft', 'list', 'tables')).trim(),
  devices: (await host.machine.namespaces.run('ip', '-o', 'link', 'show')).match(/\bo[cv][0-9a-f]{10}\S*/g) ?? [],
  hops: await readdir(join(host.folder, 'ordeal', 'hops')).catch(() => []),
});
const nothing = { tables: '', devices: [], hops: [] };

test('a delay shows in each round trip between two containers and in none from outside, and is gone after the heal', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: roles });
  const { faults } = s.vim;
  const ask = () => s.ask('peer', '/sessions/user-1', 'kept');
  await ask();
  const before = await took(ask);
  const fault = injection('delay', { delayMs: 60, jitterMs: 10 });
  await faults?.inject(fault);
  const impaired = await took(ask);
  expect(impaired, 'there and back').toBeGreaterThan(100);
  expect(impaired).toBeLessThan(280);
  expect(await took(() => s.ask('subject', '/health')), 'from outside').toBeLessThan(60);
  const reading = await faults?.verify(fault);
  expect(reading).toMatchObject({ effective: true });
  expect(Number(reading?.measured.delayMs)).toBeGreaterThan(48);
  expect(Number(reading?.measured.delayMs)).toBeLessThan(75);
  await faults?.heal(fault);
  expect(await took(ask)).toBeLessThan(Math.max(30, before * 5));
  expect(await leftovers(host)).toEqual(nothing);
});

for (const [kind, params] of [
  ['duplication', { ratio: 0.5 }],
  ['reordering', { ratio: 0.2, holdBackMs: 5 }],
  ['corruption', { ratio: 0.05 }],
] as const) {
  test(`TCP carries a large message whole through ${kind}: each frame is one, with a checksum that holds`, {
    tag: '@vim:runc',
  }, async ({ runcHost: host }) => {
    await using s = await containerSample(host, { environment: roles });
    const message = Array.from({ length: 4000 }, (_, i) => `line ${i};`).join('');
    const fault = injection(kind, params);
    await s.vim.faults?.inject(fault);
    const keep = () => s.ask('peer', '/sessions/user-1', message, 2000).catch(() => undefined);
    await until('it is kept', keep, { withinMs: 30_000 });
    expect(await s.get('subject', '/sessions/user-1')).toBe(message);
    expect(await s.vim.faults?.verify(fault)).toMatchObject({ effective: true });
    await s.vim.faults?.heal(fault);
    expect(await leftovers(host)).toEqual(nothing);
  });
}

test('a fault of the link is healed after its container was started anew, and when the process that held it was killed', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const { faults } = s.vim;
  const compute = await s.vim.locate(s.subject);
  const fault = injection('delay', { delayMs: 40 });
  await faults?.inject(fault);
  await s.vim.stop(compute, { graceMs: 2000 });
  await s.vim.start(compute);
  await faults?.heal(fault);
  await until('the containers talk', () => s.ping().catch(() => false), { withinMs: 10_000 });

  await faults?.inject(fault);
  const [hop = ''] = await readdir(join(host.folder, 'ordeal', 'hops'));
  const { pid } = JSON.parse(await readFile(join(host.folder, 'ordeal', 'hops', hop, 'process.json'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await until('nothing passes any more', async () => !(await s.ping().catch(() => false)), { withinMs: 10_000 });
  expect(await faults?.verify(fault)).toMatchObject({ effective: false });
  await faults?.heal(fault);
  await until('the containers talk', () => s.ping().catch(() => false), { withinMs: 10_000 });
  expect(await leftovers(host)).toEqual(nothing);
});

test('a fault of the link ends by itself at its deadline, though nobody is there to heal it', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: roles });
  const ask = () => s.ask('peer', '/sessions/user-1', 'kept');
  await ask();
  const fault = { ...injection('delay', { delayMs: 100 }), expiresAfterMs: 1500 };
  await s.vim.faults?.inject(fault);
  expect(await took(ask)).toBeGreaterThan(150);
  await until('it is as fast as before', async () => (await took(ask)) < 60, { withinMs: 5000, everyMs: 100 });
  expect(await s.vim.faults?.verify(fault)).toMatchObject({ effective: false });
  await s.vim.faults?.heal(fault);
  expect(await leftovers(host)).toEqual(nothing);
});

test('names are refused one by one: who asks for another one is heard', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const short = injection('dns-error', { names: ['db.example.test'] }, { vnfc: s.subject });
  const names = ['a-name-of-more-than-sixteen-letters.example.test'];
  const long = { ...injection('dns-error', { names }, { vnfc: s.subject }), id: 'long' };
  for (const fault of [short, long]) await s.vim.faults?.inject(fault);
  // The rule of the first one sees the questions of the second before the second's own does, which counts them all.
  for (const fault of [short, long]) {
    const reading = await s.vim.faults?.verify(fault);
    expect(reading).toMatchObject({ effective: true, measured: { asked: 20, refused: 20 } });
  }
  for (const fault of [short, long]) {
    await s.vim.faults?.heal(fault);
    expect(await s.vim.faults?.verify(fault)).toMatchObject({ effective: false });
  }
  const wild = injection('dns-error', { names: ['*.example.test'] }, { vnfc: s.subject });
  await expect(s.vim.faults?.inject({ ...wild, id: 'wild' })).rejects.toMatchObject({ kind: 'capability-missing' });
});

test('neither the file system of the host is filled nor anything else that is not a file system of the container', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  for (const disk of ['data', '/', '/proc', '/scratch/../../..', '/tmp']) {
    const refused = s.vim.faults?.inject(injection('disk-full', { disk }, { vnfc: s.subject }));
    await expect(refused, disk).rejects.toMatchObject({ kind: 'capability-missing' });
  }
  const unknown = s.vim.faults?.inject(injection('disk-full', { disk: 'none' }, { vnfc: s.subject }));
  await expect(unknown).rejects.toMatchObject({ kind: 'unknown-target' });
  expect(await s.vim.faults?.active()).toEqual([]);
});

/** Processes of the stress, anywhere on this machine. */
async function stressing(): Promise<number> {
  const found = await Promise.all(
    (await readdir('/proc')).map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
  return found.filter((text) => text.includes('ORDEAL_STRESS=')).length;
}

test('stress ends when the fault expires, and with its container, though nobody heals it', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const onSubject = { vnfc: s.subject };
  const short = { ...injection('stress', { busyProcesses: 1 }, onSubject), expiresAfterMs: 2000 };
  await s.vim.faults?.inject(short);
  expect(await stressing()).toBeGreaterThan(0);
  await expect.poll(stressing, { timeout: 10_000, message: 'it expires' }).toBe(0);
  expect(await s.vim.faults?.verify(short)).toMatchObject({ effective: false });
  await s.vim.faults?.heal(short);
  const long = { ...injection('stress', { busyProcesses: 2, memoryBytes: 2 ** 24 }, onSubject), id: 'effect-long' };
  await s.vim.faults?.inject(long);
  const crash = injection('crash', {}, onSubject);
  await s.vim.faults?.inject(crash);
  await expect.poll(stressing, { timeout: 10_000, message: 'it goes with its container' }).toBe(0);
  await s.vim.faults?.heal(crash);
  await s.vim.faults?.heal(long);
  await expect.poll(() => s.ask('subject', '/health').catch(() => 'silent'), { timeout: 10_000 }).not.toBe('silent');
});

test('a container that crashes and is started under faults of its own has none of them after the heal', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const onSubject = { vnfc: s.subject };
  const faults = ['nic-unplug', 'process-starvation', 'disk-stall'].map((kind) => injection(kind, {}, onSubject));
  for (const fault of faults) await s.vim.faults?.inject(fault);
  const crash = injection('crash', {}, onSubject);
  await s.vim.faults?.inject(crash);
  await s.vim.faults?.heal(crash);
  for (const fault of faults.toReversed()) await s.vim.faults?.heal(fault);
  expect(await s.vim.faults?.active()).toEqual([]);
  await expect.poll(() => s.ping().catch(() => false), { timeout: 10_000 }).toBe(true);
  await s.writeDisk('as before');
  expect(await s.readDisk(9)).toBe('as before');
  expect(await leftovers(host)).toEqual(nothing);
});
