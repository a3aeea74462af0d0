import { spawnSync } from 'node:child_process';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@playwright/test';
import { Journal } from '../../harness/store/journal.js';
import { Reserve } from '../../harness/store/reserve.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

let folder: string;
test.beforeEach(async () => {
  folder = await temporaryFolder('reserve');
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

const begin = (journal: Journal) =>
  journal.begin({
    ...{ id: 'r1', serviceFile: '/s.yaml', serviceId: 'svc', outFolder: '/out', pid: process.pid },
    startedAt: new Date().toISOString(),
  });

test('room is kept when a run begins, once, for its owner alone', async () => {
  const file = join(folder, 'reserve');
  const reserve = new Reserve(file);
  reserve.keep();
  const first = await stat(file);
  expect([first.size, first.mode & 0o777]).toEqual([4 * 1024 * 1024, 0o600]);
  reserve.keep();
  expect((await stat(file)).ino).toBe(first.ino);
  expect(await readdir(folder)).toEqual(['reserve']);
});

test('room is released once, and what is not there is not', async () => {
  const reserve = new Reserve(join(folder, 'reserve'));
  expect(reserve.release()).toBe(false);
  reserve.keep();
  expect([reserve.release(), reserve.release()]).toEqual([true, false]);
  expect(await readdir(folder)).toEqual([]);
});

test('a disk with room keeps its reserve', async () => {
  const reserve = new Reserve(join(folder, 'reserve'));
  reserve.keep();
  reserve.releaseIfFull();
  expect(await readdir(folder)).toEqual(['reserve']);
});

test('a journal keeps room from its first run on', async () => {
  using journal = new Journal(folder);
  expect(await readdir(folder)).not.toContain('journal.reserve');
  begin(journal);
  expect(await readdir(folder)).toContain('journal.reserve');
});

/** Runs a script with a file system of its own under `folder`. @returns what it printed, or why it could not be run */
function onSmallDisk(script: string): string {
  const module = (path: string) => JSON.stringify(pathToFileURL(join(packageRoot, 'dist', path)).href);
  const whole = `
    import { openSync, writeSync, closeSync, existsSync } from 'node:fs';
    import { Journal } from ${module('harness/store/journal.js')};
    const folder = ${JSON.stringify(folder)};
    const run = { id: 'r1', serviceFile: '', serviceId: 's', outFolder: '', pid: process.pid, startedAt: '' };
    const freeze = { type: 'freeze', vim: 'v', resource: 'r', computeId: 'c' };
    const fill = () => {
      const fd = openSync(folder + '/filler', 'a');
      for (let n = 1 << 20; n >= 1; ) try { writeSync(fd, Buffer.alloc(n)); } catch { n = Math.floor(n / 2); }
      closeSync(fd);
    };
    const kept = () => existsSync(folder + '/journal.reserve');
    const told = (work) => { try { return work(); } catch (e) { return e.kind + ': ' + e.message; } };
    ${script}`;
  const mount = `mount -t tmpfs -o size=8m none "${folder}" && exec "$0" --input-type=module -e "$1"`;
  // Playwright asks for colours, which a pattern does not know.
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', mount, process.execPath, whole], {
    encoding: 'utf8',
    env,
  });
  return status === 0 ? stdout.trim() : `it could not be run: ${stderr}`;
}

const isAllowed = (): boolean => spawnSync('unshare', ['-m', 'true']).status === 0;
const why = 'this host does not let this user mount a small file system';

test('on a disk that became full, what is open is still settled', () => {
  test.skip(!isAllowed(), why);
  const told = onSmallDisk(`
    const journal = new Journal(folder);
    journal.begin(run);
    const entries = Array.from({ length: 40 }, () => journal.intend('r1', freeze));
    fill();
    for (const e of entries) { journal.heartbeat('r1'); journal.done(e); journal.settle(e); }
    console.log(JSON.stringify([journal.open('r1').length, journal.run('r1').beats, kept()]));
    journal.close('r1');
    console.log(journal.run('r1').closed);`);
  expect(told).toMatch(/^\[0,40,(true|false)\]\ntrue$/);
});

test('a journal on a full disk is opened by the next process all the same, and its run is ended', () => {
  test.skip(!isAllowed(), why);
  const told = onSmallDisk(`
    { const first = new Journal(folder); first.begin(run); first.intend('r1', freeze); first[Symbol.dispose](); }
    fill();
    const journal = new Journal(folder);
    for (const e of journal.open('r1')) journal.settle(e.id);
    journal.close('r1');
    console.log(JSON.stringify([journal.runs({ open: true }).length, kept()]));`);
  expect(told).toBe('[0,false]');
});

test('a run that could not be ended is not begun: no room can be kept', () => {
  test.skip(!isAllowed(), why);
  const told = onSmallDisk(`
    const journal = new Journal(folder);
    fill();
    console.log(told(() => journal.begin(run)));
    console.log(journal.runs().length, kept());`);
  expect(told).toMatch(/^no-space: .*No space is left to write.*\n0 false$/);
});

test('when even the room that was kept is used up, the journal says so', () => {
  test.skip(!isAllowed(), why);
  const told = onSmallDisk(`
    const journal = new Journal(folder);
    journal.begin(run);
    const big = { ...freeze, computeId: 'x'.repeat(100_000) };
    fill();
    console.log(told(() => { for (let i = 0; i < 200; i++) journal.intend('r1', big); return 'all written'; }));
    console.log(kept());`);
  expect(told).toMatch(/^no-space: .*The journal cannot be written.*what is open stays in the journal\.\nfalse$/);
});
