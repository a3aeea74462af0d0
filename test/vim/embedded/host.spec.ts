import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { monotonicMs } from '../../../harness/util/monotonic.js';
import { HostConnection } from '../../../harness/vim/embedded/connection.js';
import { type HostFile, staleAfterMs } from '../../../harness/vim/embedded/protocol.js';
import { openVim } from '../../../harness/vim/registry.js';
import { type Sample, sample } from './sample.js';

const serviceFolder = (s: Sample): string => join(s.folder, 'state', 'embedded', 'sample');
const hostFile = async (s: Sample): Promise<HostFile> =>
  JSON.parse(await readFile(join(serviceFolder(s), 'host.json'), 'utf8')) as HostFile;
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const client = fileURLToPath(new URL('./client.js', import.meta.url));

test('the service outlives a harness that is killed, and another one takes over', async () => {
  await using s = await sample({ start: false });
  await writeFile(join(s.folder, 'service.json'), JSON.stringify(s.service));
  const harness = spawn(process.execPath, [client, s.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => harness.stdout.once('data', resolve));
  const gone = new Promise((resolve) => harness.once('exit', resolve));
  harness.kill('SIGKILL');
  await gone;
  // It had captured a snapshot, left a VNFC quarantined and a fault on, and ended a pause of its own never.
  expect(await s.vim.snapshots.list()).toEqual([]);
  expect(await s.vim.faults!.active()).toMatchObject([{ id: 'left-on', runId: 'run-1' }]);
  expect(await s.vim.replacement!.ownedBy('run-1')).toMatchObject([{ resource: 'a', quarantined: true }]);
  await s.vim.replacement!.unquarantine(await s.vim.locate('a'), 'run-1');
  for (const injection of await s.vim.faults!.active()) await s.vim.faults!.heal(injection);
  await expect.poll(() => s.ask('a', 'ping/b', 'x').catch(() => '')).toBe('pong');
});

test('a second instantiation is refused while the service runs, and works after its host was killed', async () => {
  await using s = await sample();
  await expect(s.vim.instantiation!.instantiate(s.service)).rejects.toMatchObject({ kind: 'busy' });
  expect(await s.ask('a', 'echo', 'unharmed')).toBe('unharmed');
  const { pid } = await hostFile(s);
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => alive(pid)).toBe(false);
  await expect(s.vim.links()).rejects.toMatchObject({ kind: 'vim-unreachable' });
  await expect(s.vim.links()).rejects.toThrow(/is gone|does not answer/);
  await s.vim.instantiation!.instantiate(s.service);
  expect(await s.vim.locate('a')).toBe('a@1');
});

test('a host whose folder was removed can be found by nobody, and ends', async () => {
  await using s = await sample();
  const { pid, socket } = await hostFile(s);
  await rm(serviceFolder(s), { recursive: true });
  await expect.poll(() => alive(pid), { timeout: 15_000 }).toBe(false);
  await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('terminate ends the host and leaves neither socket nor process; snapshots stay', async () => {
  await using s = await sample();
  const record = await (await s.vim.snapshots.capture(await s.vim.locate('a'), { name: 's', type: 'warm' })).store();
  const { pid, socket } = await hostFile(s);
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  expect((await stat(serviceFolder(s))).mode & 0o777).toBe(0o700);
  expect((await stat(join(record.location, 'memory.raw'))).mode & 0o777).toBe(0o600);
  await s.vim.instantiation!.terminate();
  await s.vim.instantiation!.terminate();
  expect(alive(pid)).toBe(false);
  await expect(stat(socket)).rejects.toThrow();
  expect(await s.vim.snapshots.list()).toEqual([record]);
});

test('a host whose service cannot be instantiated is gone afterwards', async () => {
  await using s = await sample({ start: false, deployment: { config: { trapAtBoot: true } } });
  await expect(s.vim.instantiation!.instantiate(s.service)).rejects.toMatchObject({ kind: 'vim-failed' });
  await expect(stat(join(serviceFolder(s), 'host.json'))).rejects.toThrow();
  expect(await readFile(join(serviceFolder(s), 'host.log'), 'utf8')).toContain('ending:');
});

test('a harness that is killed in the middle of the instantiation leaves no host behind', async () => {
  await using s = await sample({ start: false, deployment: { config: { loopAtBoot: true } } });
  await writeFile(join(s.folder, 'service.json'), JSON.stringify(s.service));
  const harness = spawn(process.execPath, [client, s.folder], { stdio: 'ignore' });
  await expect.poll(() => hostFile(s).catch(() => undefined), { timeout: 20_000 }).toBeDefined();
  const { pid } = await hostFile(s);
  await expect
    .poll(() => readFile(join(serviceFolder(s), 'logs', 'a@1.log'), 'utf8').catch(() => ''))
    .toContain('booted');
  harness.kill('SIGKILL');
  await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false);
  await expect(s.vim.links()).rejects.toMatchObject({ kind: 'vim-unreachable' });
});

test('what a crash left half-written is swept when the service starts again', async () => {
  await using s = await sample();
  const snapshots = join(serviceFolder(s), 'snapshots');
  const record = await (await s.vim.snapshots.capture(await s.vim.locate('a'), { name: 's', type: 'cold' })).store();
  await mkdir(join(snapshots, '.unfinished-snap-1'));
  await writeFile(join(snapshots, '.unfinished-snap-1', 'memory.raw'), 'half');
  expect(await s.vim.snapshots.list()).toEqual([record]);
  await s.vim.instantiation!.terminate();
  await s.vim.instantiation!.instantiate(s.service);
  expect(await readdir(snapshots)).toEqual([record.id]);
  await s.vim.snapshots.revert(await s.vim.locate('a'), record.id);
});

test('garbage on its socket and requests that make no sense do not harm the host', async () => {
  await using s = await sample();
  const { socket } = await hostFile(s);
  for (const garbage of [
    'hello\r\n\r\n',
    'Content-Length: 5\r\n\r\n{{{{{',
    'Content-Length: -1\r\n\r\n',
    '\0'.repeat(100_000),
  ]) {
    const stream = connect(socket);
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('connect', resolve));
    stream.end(garbage);
  }
  const { vim } = s;
  await expect(vim.inspect('nobody@1')).rejects.toMatchObject({ kind: 'unknown-target' });
  await expect(vim.inspect(undefined as never)).rejects.toThrow();
  await expect(vim.faults!.inject({} as never)).rejects.toThrow();
  await expect(vim.snapshots.capture(await vim.locate('a'), null as never)).rejects.toThrow();
  await expect(vim.replacement!.switchOver([{ resource: 'a', to: 'nobody@1' }], 'run')).rejects.toThrow();
  expect(await s.ask('a', 'echo', 'unharmed')).toBe('unharmed');
});

test('what was asked for long ago is not done: who asked may have lost its run meanwhile', async () => {
  await using s = await sample();
  const connection = await HostConnection.open((await hostFile(s)).socket, 'sample');
  try {
    const compute = await s.vim.locate('a');
    const stale = { compute, askedAtMs: monotonicMs() - staleAfterMs - 500 };
    await expect(connection.call('pause', stale)).rejects.toMatchObject({ kind: 'too-late' });
    const injection = {
      id: 'late',
      runId: 'run',
      kind: 'stall',
      vim: 'embedded',
      target: { vnfc: 'a' },
      params: {},
      seed: 1,
    };
    const late = { injection: { ...injection, expiresAfterMs: 5000 }, askedAtMs: stale.askedAtMs };
    await expect(connection.call('inject', late as never)).rejects.toMatchObject({ kind: 'too-late' });
    const quarantine = { ...stale, runId: 'run' };
    await expect(connection.call('quarantine', quarantine)).rejects.toMatchObject({ kind: 'too-late' });
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
    expect(await s.vim.faults?.active()).toEqual([]);
    expect(await s.vim.replacement?.ownedBy()).toEqual([]);
    await connection.call('pause', { compute, askedAtMs: monotonicMs() });
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'suspended' });
  } finally {
    connection.close();
  }
});

test('a VNFC that floods the link, or the log, or dies in its start, does not take the others with it', async () => {
  await using s = await sample({ names: ['a', 'b', 'c'] });
  await s.ask('a', 'flood/b').catch(() => '');
  expect(await s.ask('c', 'echo', 'x')).toBe('x');
  await s.vim.stop(await s.vim.locate('a'), { graceMs: 100 });
  await s.ask('c', 'chatter');
  const [log] = await s.vim.logs!.logs(await s.vim.locate('c'));
  const lines = (await text(await log!.open())).split('\n');
  expect(lines.length).toBeLessThan(2100);
  await expect.poll(() => s.ask('b', 'echo', 'x').catch(() => ''), { timeout: 10_000 }).toBe('x');
});

test('a VIM without a driver is named, with those that there are', async () => {
  await using s = await sample({ start: false });
  const context = { service: s.service, stateFolder: s.folder, options: {} };
  await expect(openVim('vax-cluster', context)).rejects.toThrow(/expected one of .*embedded/);
  await expect(openVim('toString', context)).rejects.toMatchObject({ kind: 'file-invalid' });
});

test('quiesce holds new requests back, and what came in before it is done', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  await s.vim.quiescing!.quiesce(a, 20_000);
  expect(await s.vim.inspect(a)).toMatchObject({ powerState: 'on', condition: 'quiesced' });
  const held = s.ask('a', 'count');
  const early = await Promise.race([held, new Promise((resolve) => setTimeout(resolve, 200, 'held'))]);
  expect(early).toBe('held');
  await s.vim.quiescing!.unquiesce(a);
  expect(await held).toBe('1');
});
