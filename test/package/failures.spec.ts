import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@playwright/test';
import { OrdealError } from '../../harness/util/errors.js';
import { makeIdentity } from './certificates.js';
import { generated } from './fixtures.js';
import { contentsOf, exported, openMachine, packageFolder, told } from './package-bench.js';

test('a VIM that fails makes a package in ERROR that says why, and no file', async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  machine.vim.stored.delete(snapshot.vnfcSnapshots[1]!.computeSnapshotResource!.resourceId);
  machine.trace.length = 0;
  const creating = machine.packages().create({ vnfSnapshotId: snapshot.id });
  await expect(creating).rejects.toMatchObject({ kind: 'snapshot-missing' });
  expect(await contentsOf(machine)).toEqual([]);
  expect(await machine.packages().query()).toMatchObject([
    { state: 'ERROR', failureDetails: { errorType: 'BUILD_ERROR', details: { status: 404 } } },
  ]);
  expect(told(machine.trace, '6.6.1').at(-1)).toBe('5 VIM>VNFM failed');
  expect(told(machine.trace, '6.7.1').at(-1)).toBe('8 VNFM>Sender failed');
});

test('a creation that is stopped is CANCELLED', async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  const stop = new AbortController();
  const endless = {
    path: 'endless.log',
    open: () => {
      setTimeout(() => stop.abort(), 30);
      return generated(2 ** 40);
    },
  };
  const creating = machine.packages().create({ vnfSnapshotId: snapshot.id, artifacts: [endless] }, stop.signal);
  await expect(creating).rejects.toMatchObject({ kind: 'interrupted' });
  expect(await machine.packages().query()).toMatchObject([
    { state: 'ERROR', failureDetails: { errorType: 'CANCELLED' } },
  ]);
  expect(await contentsOf(machine)).toEqual([]);
});

test('what is imported and is not sound makes a package in ERROR, and no file', async () => {
  await using machine = await openMachine();
  const { file } = await exported(machine);
  const bytes = await readFile(file);
  const bad = join(machine.folder, 'bad.zip');
  const fails = async (kind: string, errorType: string) => {
    await expect(machine.packages().import({ from: bad })).rejects.toMatchObject({ kind });
    const [latest] = (await machine.packages().query({ filter: { state: 'ERROR' } })) as { id: string }[];
    expect(latest).toMatchObject({ failureDetails: { errorType } });
    await machine.packages().delete(latest!.id);
  };
  const before = await contentsOf(machine);
  await fails('file-missing', 'UPLOAD_ERROR');
  await writeFile(bad, bytes.subarray(0, bytes.length - 5));
  await fails('package-truncated', 'PROCESS_ERROR');
  const tampered = Buffer.from(bytes);
  tampered[60] = tampered[60]! ^ 1;
  await writeFile(bad, tampered);
  await fails('package-tampered', 'PROCESS_ERROR');
  await writeFile(bad, bytes);
  await fails('busy', 'PROCESS_ERROR');
  expect(await contentsOf(machine)).toEqual(before);
});

test('an imported package is accepted from a trusted signer alone where anchors are configured', async () => {
  await using here = await openMachine();
  const signer = makeIdentity({ name: 'Operator' });
  const snapshot = await here.snapshot();
  const { id } = await here.packages({}, { signer }).create({ vnfSnapshotId: snapshot.id });
  await using there = await openMachine();
  const from = join(here.folder, 'signed.zip');
  await here.packages().export({ packageId: id, to: from });
  const stranger = makeIdentity({ name: 'Stranger' });
  const refused = there.packages({}, { trust: [stranger.certificate] }).import({ from });
  await expect(refused).rejects.toMatchObject({ kind: 'package-tampered' });
  const accepted = await there.packages({}, { trust: [signer.certificate] }).import({ from });
  expect(accepted.state).toBe('AVAILABLE');
});

test('an extraction that fails at the second VNFC takes the first back, and can be tried again', async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  const packages = machine.packages();
  const { id } = await packages.create({ vnfSnapshotId: snapshot.id });
  const stored = [...machine.vim.stored.keys()];
  const { snapshots } = machine.vim;
  const importImages = snapshots.importImages;
  let calls = 0;
  Object.assign(snapshots, {
    importImages: async (...args: Parameters<typeof importImages>) => {
      if (++calls === 2) throw new OrdealError('vim-failed', 'The VIM has no space');
      return importImages(...args);
    },
  });
  await expect(packages.extract({ packageId: id, vnfSnapshotId: 'copy' })).rejects.toMatchObject({
    kind: 'vim-failed',
  });
  expect([...machine.vim.stored.keys()]).toEqual(stored);
  expect(machine.state.vnfSnapshots.availability('copy')).toBeUndefined();
  expect(await packages.query()).toMatchObject([
    { state: 'ERROR_EXTRACTING', failureDetails: { errorType: 'EXTRACTION_ERROR' } },
  ]);
  const extracted = await packages.extract({ packageId: id, vnfSnapshotId: 'copy' });
  expect(extracted.vnfcSnapshots).toHaveLength(2);
  expect(await packages.query()).toMatchObject([{ state: 'AVAILABLE' }]);
  await machine.engine.delete(['copy']);
  expect([...machine.vim.stored.keys()]).toEqual(stored);
});

test('a package is not extracted over a VNF Snapshot of the same id', async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  const { id } = await machine.packages().create({ vnfSnapshotId: snapshot.id });
  await expect(machine.packages().extract({ packageId: id })).rejects.toMatchObject({ kind: 'busy' });
  expect(await machine.packages().query()).toMatchObject([{ state: 'ERROR_EXTRACTING' }]);
  await machine.packages().extract({ packageId: id, vnfSnapshotId: 'another' });
});

test('what a process that died left in the middle becomes ERROR, and its files go', {
  tag: ['@Vnfm.009'],
}, async () => {
  await using machine = await openMachine();
  const records = machine.packages();
  const at = new Date().toISOString();
  for (const state of ['BUILDING', 'UPLOADING', 'PROCESSING']) {
    const id = `pkg-${state}`;
    const dead = { id, name: id, state, createdAt: at, isFullSnapshot: false, isCancelPending: false };
    machine.state.packages.put(Object.assign(dead, { _links: { self: { href: '/' } } }));
    await mkdir(packageFolder(machine), { recursive: true });
    await writeFile(join(packageFolder(machine), `${id}.zip`), 'half');
    await writeFile(join(packageFolder(machine), `.${id}.zip.abcd.tmp`), 'half');
    await (await machine.state.chunks()).put(`package/${id}/000000`, Readable.from([Buffer.from('half')]));
  }
  expect(await records.recover()).toHaveLength(12);
  expect(await contentsOf(machine)).toEqual([]);
  for (const info of await records.query()) expect(info).toMatchObject({ state: 'ERROR' });
});
