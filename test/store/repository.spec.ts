import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { matches, parseAttributeFilter, selectAttributes } from '../../harness/store/attribute-filter.js';
import { openState, type State } from '../../harness/store/state.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';
import { aSnapshot, fill, timed } from './records.js';

async function folderOf() {
  const path = await temporaryFolder('store');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
const idsOf = (state: State, filter: Parameters<State['vnfSnapshots']['list']>[0]) =>
  state.vnfSnapshots.list(filter).map((s) => s.id);

test('snapshots survive a restart, with location, content and availability', { tag: ['@Vnfm.008'] }, async () => {
  await using folder = await folderOf();
  {
    await using state = await openState(folder.path);
    state.vnfSnapshots.add(aSnapshot(7), { vnfd: true });
    state.vnfSnapshots.begin(aSnapshot(8), undefined);
  }
  await using state = await openState(folder.path);
  expect(state.vnfSnapshots.list()).toEqual([aSnapshot(7)]);
  expect(state.vnfSnapshots.vnfd('snapshot-7')).toEqual({ vnfd: true });
  expect(state.vnfSnapshots.availability('snapshot-8')).toBe('creating');
  expect(state.vnfSnapshots.locations('snapshot-7')[0]).toEqual({
    vnfcInstanceId: 'vnf-7-a',
    vimConnectionId: 'embedded',
    resourceId: 'instance-7-vnf-7-a',
    location: '/images/7/vnf-7-a',
  });
  expect(() => state.vnfSnapshots.show('snapshot-8')).toThrow(/not in the repository/);
});

test('the state folder is readable by its owner alone', async () => {
  await using folder = await folderOf();
  const path = join(folder.path, 'state');
  await using _state = await openState(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect((await stat(join(path, 'ordeal.db'))).mode & 0o777).toBe(0o600);
});

test('a file that is no repository is refused with its name and left as it was', async () => {
  await using folder = await folderOf();
  await writeFile(
    join(folder.path, 'ordeal.db'),
    'not a database, but quite long enough to be looked at as one'.repeat(50),
  );
  await expect(openState(folder.path)).rejects.toMatchObject({ kind: 'file-invalid' });
  await expect(openState(folder.path)).rejects.toThrow(/ordeal\.db/);
});

test('a repository of a later version is refused', async () => {
  await using folder = await folderOf();
  {
    await using state = await openState(folder.path);
    state.database.run('pragma user_version = 99');
  }
  await expect(openState(folder.path)).rejects.toThrow(/later version/);
});

test('queries filter by every attribute of the record', { tag: ['@OP-list.filter', '@Vnfm.008'] }, async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  fill(state, 200);
  expect(idsOf(state, { vnf: 'vnf-3' })).toEqual(['snapshot-153', 'snapshot-103', 'snapshot-53', 'snapshot-3']);
  expect(idsOf(state, { vnf: 'vnf-3', limit: 1 })).toEqual(['snapshot-153']);
  expect(idsOf(state, { vnfc: 'vnf-3-b', purpose: 'restore' })).toEqual(['snapshot-153', 'snapshot-3']);
  expect(idsOf(state, { runId: 'run-17' })).toEqual(['snapshot-17']);
  expect(idsOf(state, { ids: ['snapshot-4', 'snapshot-5', 'snapshot-nobody'] })).toEqual(['snapshot-5', 'snapshot-4']);
  expect(idsOf(state, { since: '2026-01-01T03:18:00.000Z' })).toEqual(['snapshot-199', 'snapshot-198']);
  expect(idsOf(state, { before: '2026-01-01T00:02:00.000Z' })).toEqual(['snapshot-1', 'snapshot-0']);
  const where =
    '(eq,vnfInstanceId,vnf-3);(gt,vnfcSnapshots/userDefinedData/bytesStored,1000060);(cont,userDefinedData/name,nightly 3,nightly 2)';
  expect(idsOf(state, { where })).toEqual(['snapshot-153', 'snapshot-103']);
  expect(idsOf(state, { where, limit: 1 })).toEqual(['snapshot-153']);
});

test('what the database decides of a filter is what the filter says of each record', {
  tag: ['@OP-list.filter'],
}, async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  fill(state, 60);
  const { runId: _, ...user } = aSnapshot(60).userDefinedData;
  state.vnfSnapshots.add({ ...aSnapshot(60), userDefinedData: { ...user, name: 'größer' } });
  const all = state.vnfSnapshots.list();
  const attributes: Readonly<Record<string, readonly string[]>> = {
    id: ['snapshot-7', 'snapshot-5', '7', 'é'],
    vnfInstanceId: ['vnf-3', 'vnf-'],
    vnfdId: ['vnfd-1'],
    creationStartedAt: ['2026-01-01T00:30:00.000Z', '2026', '2026-01'],
    'userDefinedData/name': ['nightly 0', 'größer', '1'],
    'userDefinedData/service': ['gateway', 'g'],
    'userDefinedData/runId': ['run-7', 'run-'],
    'userDefinedData/purpose': ['restore'],
    'vnfcSnapshots/vnfcInstanceId': ['vnf-3-a', 'vnf-4-c'],
    'vnfcSnapshots/computeSnapshotResource/resourceId': ['instance-7-vnf-7-a'],
    'vnfcSnapshots/userDefinedData/bytesStored': ['1000030', '1000030.5', '-1', '1e6', 'many'],
    'vnfcSnapshots/userDefinedData/type': ['warm', 'cold'],
    'vnfcSnapshots/storageSnapshotResources/storageResourceId': ['vnf-3-a/root'],
    'vnfInstance/instantiatedVnfInfo/vnfcResourceInfo/vnfcCpInfo/address': ['1', '01', '-0'],
    'vnfInstance/instantiatedVnfInfo/vnfState': ['STARTED'],
    'userDefinedData/excluded/reason': ['é', 'no'],
    nobody: ['x'],
  };
  for (const [attribute, values] of Object.entries(attributes)) {
    for (const value of values) {
      for (const operator of ['eq', 'neq', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'cont', 'ncont']) {
        const where = `(${operator},${attribute},${value})`;
        const expected = all.filter((it) => matches(it, parseAttributeFilter(where))).map((it) => it.id);
        expect(idsOf(state, { where }), where).toEqual(expected);
        expect(idsOf(state, { where, limit: 2 }), where).toEqual(expected.slice(0, 2));
      }
    }
  }
  const many =
    '(neq,vnfcSnapshots/id,x);(cont,vnfcSnapshots/id,of-5);(lt,vnfcSnapshots/userDefinedData/bytesStored,1000056)';
  expect(idsOf(state, { where: many })).toEqual(['55', '54', '53', '52', '51', '50', '5'].map((n) => `snapshot-${n}`));
});

test('an attribute that has been changed is found by its new value alone, and a snapshot that is gone by none', async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  fill(state, 20);
  const before = aSnapshot(7);
  state.vnfSnapshots.update({
    ...before,
    userDefinedData: { ...before.userDefinedData, description: 'of the upgrade' },
  });
  state.vnfSnapshots.update({
    ...before,
    userDefinedData: { ...before.userDefinedData, description: 'of the outage' },
  });
  expect(idsOf(state, { where: '(cont,userDefinedData/description,upgrade)' })).toEqual([]);
  expect(idsOf(state, { where: '(cont,userDefinedData/description,outage)' })).toEqual(['snapshot-7']);
  for (let n = 0; n < 20; n++) state.vnfSnapshots.remove(`snapshot-${n}`);
  expect(state.database.all('select * from attribute_value')).toEqual([]);
  expect(state.database.all('select * from attribute_of_snapshot')).toEqual([]);
});

test('a repository from before attributes were indexed is queried as any other', async () => {
  await using folder = await folderOf();
  {
    await using state = await openState(folder.path);
    fill(state, 600);
    state.database.run('update vnf_snapshot set number = null');
    for (const table of ['path', 'value', 'of_snapshot']) state.database.run(`delete from attribute_${table}`);
  }
  await using state = await openState(folder.path);
  state.vnfSnapshots.add(aSnapshot(600));
  expect(idsOf(state, { where: '(gte,vnfcSnapshots/userDefinedData/bytesStored,1000599)' })).toEqual([
    'snapshot-600',
    'snapshot-599',
  ]);
});

test('filters are read as SOL 013 has them', () => {
  const record = { id: 'a', n: 5, list: [{ x: "it's, (odd)" }, { x: 'y' }], deep: { flag: true, none: null } };
  const holds = (filter: string) => matches(record, parseAttributeFilter(filter));
  expect(holds("(eq,list/x,'it''s, (odd)')")).toBe(true);
  expect(holds('(neq,list/x,y)')).toBe(false);
  expect(holds('(in,id,b,a);(gte,n,5);(lt,n,10)')).toBe(true);
  expect(holds('(gt,n,5)')).toBe(false);
  expect(holds('(eq,deep/flag,true);(nin,deep/none,x);(ncont,id,b)')).toBe(true);
  for (const bad of [
    'eq,id,a',
    '(eq,id)',
    '(eq,id,a',
    "(eq,id,'a)",
    '(like,id,a)',
    '(gt,n,1,2)',
    '(eq,id,a)x',
    '(eq,,a)',
  ]) {
    expect(() => parseAttributeFilter(bad), bad).toThrow(/not well-formed/);
  }
});

test('attributes are selected and left out as SOL 013 has it', () => {
  const record = { id: 'a', big: { x: 1, y: 2 }, list: [{ k: 1, v: 2 }], other: 3 };
  expect(selectAttributes(record, { fields: ['big/x', 'list/k'] })).toEqual({
    id: 'a',
    big: { x: 1 },
    list: [{ k: 1 }],
  });
  expect(selectAttributes(record, { excludeFields: ['big/y', 'list', 'other'] })).toEqual({ id: 'a', big: { x: 1 } });
});

test('packages are put, replaced, found and removed', { tag: ['@Vnfm.009'] }, async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  const record = {
    id: 'p1',
    name: 'evidence',
    state: 'CREATED',
    createdAt: '2026-01-01T00:00:00Z',
    isFullSnapshot: true,
  };
  state.packages.put(record);
  state.packages.put({ ...record, state: 'AVAILABLE', vnfSnapshotId: 's1' }, '/tmp/p1.zip');
  state.packages.put({ ...record, state: 'ERROR', vnfSnapshotId: 's1' });
  expect(state.packages.list({ vnfSnapshotId: 's1', where: '(eq,isFullSnapshot,true)' })).toEqual([
    { record: { ...record, state: 'ERROR', vnfSnapshotId: 's1' }, location: '/tmp/p1.zip' },
  ]);
  expect(state.packages.list({ state: 'AVAILABLE' })).toEqual([]);
  state.packages.remove('p1');
  expect(() => state.packages.show('p1')).toThrow(/not in the repository/);
});

const stateUrl = new URL('../../harness/store/state.js', import.meta.url).href;
const recordsUrl = new URL('./records.js', import.meta.url).href;
const child = (folder: string, body: string) =>
  spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
    import { openState } from ${JSON.stringify(stateUrl)};
    import { aSnapshot } from ${JSON.stringify(recordsUrl)};
    const state = await openState(${JSON.stringify(folder)});
    ${body}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: packageRoot },
  );

test('two processes write at once, and neither loses anything', async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  const writers = [0, 1].map((w) =>
    child(folder.path, `for (let i = 0; i < 40; i++) state.vnfSnapshots.add(aSnapshot(${w} * 1000 + i));`),
  );
  expect(await Promise.all(writers.map(async (w) => (await once(w, 'exit'))[0]))).toEqual([0, 0]);
  expect(state.vnfSnapshots.list()).toHaveLength(80);
});

test('an operation and a lease hold off other processes as long as their process lives, and no longer', async () => {
  await using folder = await folderOf();
  await using state = await openState(folder.path);
  const holder = child(
    folder.path,
    `
    state.operations.begin('snapshot creation', 'gateway', ['vnf-1']);
    state.leases.take('snapshot-1', 'an export');
    console.log('ready'); setInterval(() => {}, 1000);`,
  );
  await once(holder.stdout, 'data');
  expect(() => state.operations.begin('x', 'gateway', ['vnf-1'])).toThrow(new RegExp(`process ${holder.pid}.*Wait`));
  expect(() => state.leases.assertFree('snapshot-1', 'It')).toThrow(/in use by an export/);
  state.operations.begin('x', 'gateway', ['vnf-2']).end('COMPLETED');
  expect(state.operations.abandoned('gateway')).toEqual([]);
  const gone = once(holder, 'exit');
  holder.kill('SIGKILL');
  await gone;
  state.leases.assertFree('snapshot-1', 'It');
  expect(state.operations.abandoned('gateway')).toHaveLength(1);
  expect(state.operations.abandoned('another')).toEqual([]);
  expect(() => state.operations.begin('x', 'gateway', ['vnf-1'])).toThrow(/has died: run `ordeal recover`/);
});

test('a long history opens and answers as fast as a short one', async () => {
  await using folder = await folderOf();
  {
    await using state = await openState(folder.path);
    fill(state, 12_000);
  }
  const from = performance.now();
  await using state = await openState(folder.path);
  expect(performance.now() - from).toBeLessThan(200);
  const [ms, found] = timed(() => state.vnfSnapshots.list({ vnf: 'vnf-3', purpose: 'restore', limit: 20 }));
  expect(found).toHaveLength(20);
  expect(ms).toBeLessThan(50);
  // So many match, and the newest do not, that they are looked for in the order of their numbers.
  const where = '(lt,vnfcSnapshots/userDefinedData/bytesStored,1010800)';
  const expected = state.vnfSnapshots.list().filter((it) => matches(it, parseAttributeFilter(where)));
  expect(expected.length).toBeGreaterThan(10_000);
  const ids = (of: readonly { id: string }[]) => of.map(({ id }) => id);
  expect(ids(state.vnfSnapshots.list({ where }))).toEqual(ids(expected));
  expect(ids(state.vnfSnapshots.list({ where, limit: 100 }))).toEqual(ids(expected).slice(0, 100));
});
