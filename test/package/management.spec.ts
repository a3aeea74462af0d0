import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import type { GrantRequest } from '../../harness/model/roles.js';
import { showPackage, verifyPackage } from '../../harness/package/index.js';
import { packageStates } from '../../harness/package/package-info.js';
import { assertTransition, transitions } from '../../harness/package/package-states.js';
import { OrdealError } from '../../harness/util/errors.js';
import { artifact } from './fixtures.js';
import { contentsOf, exported, granting, openMachine, told } from './package-bench.js';

test('a VNF Snapshot Package is created step by step as the figures have it, in direct mode', {
  tag: ['@PR-6.7.1', '@PR-6.6.1', '@Vnfm.001', '@Vnfm.005', '@Vnfm.007', '@Nfvo.001'],
}, async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  machine.trace.length = 0;
  const requests: GrantRequest[] = [];
  const artifacts = [artifact('logs/web-1.log', 'ready')];
  const info = await machine
    .packages(granting(requests))
    .create({ vnfSnapshotId: snapshot.id, artifacts, sender: 'EM' });
  expect(told(machine.trace, '6.7.1')).toEqual([
    '1 EM>VNFM done',
    '2 VNFM>VNFM done',
    '3 VNFM>NFVO done',
    '4 NFVO>VNFM done',
    '5 VNFM>VNFM done',
    '5 VNFM>VNFM done',
    '6 VNFM>VNFM done',
    '7 VNFM>VNF Snapshot Package repository done',
    '8 VNFM>EM done',
  ]);
  for (const vnfc of ['web-1', 'web-2']) {
    const steps = machine.trace.filter((s) => s.subject === vnfc);
    expect(told(steps, '6.6.1')).toEqual([
      '1 VNFM>VNFM done',
      '2 VNFM>NFVO skipped',
      '4 VNFM>VIM done',
      '5 VIM>VNFM done',
    ]);
  }
  expect(requests).toEqual([{ operation: 'createPackage', vnfInstanceId: 'web', vnfcIds: ['web-1', 'web-2'] }]);
  expect(info).toMatchObject({
    state: 'AVAILABLE',
    isFullSnapshot: true,
    vnfSnapshotId: snapshot.id,
    vnfcSnapshotInfoIds: snapshot.vnfcSnapshots.map((s) => s.id),
    userDefinedData: { vnfInstanceId: 'web' },
  });
  expect(await machine.packages().verify(info.id)).toMatchObject({ sha256: info.checksum!.hash, signature: 'none' });
  const file = join(machine.folder, 'exported.zip');
  await machine.packages().export({ packageId: info.id, to: file });
  await verifyPackage(file, { sha256: info.checksum!.hash });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await showPackage(file)).artifacts.map((a) => a.path)).toContain('artifacts/logs/web-1.log');
});

test('in indirect mode every request to the VIM passes through the NFVO', {
  tag: ['@PR-6.6.2', '@PR-6.6.4'],
}, async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  machine.trace.length = 0;
  const packages = machine.packages({ mode: 'indirect' });
  const { id } = await packages.create({ vnfSnapshotId: snapshot.id, vnfcIds: ['web-1'] });
  await packages.extract({ packageId: id, vnfSnapshotId: 'copy' });
  const through = ['1 VNFM>VNFM done', '2 VNFM>NFVO skipped', '4 VNFM>NFVO done', '5 NFVO>VIM done'];
  expect(told(machine.trace, '6.6.2')).toEqual([...through, '6 VIM>NFVO done', '7 NFVO>VNFM done']);
  expect(told(machine.trace, '6.6.4')).toEqual([...through, '6 VIM>NFVO done', '7 NFVO>VNFM done']);
  expect(machine.trace.some((s) => s.clause === '6.6.1' || s.clause === '6.6.3')).toBe(false);
});

test('a package made on one machine is imported and extracted on another, and the VNF reverts to it', {
  tag: ['@PR-6.7.2', '@PR-6.7.3', '@PR-6.7.4', '@PR-6.6.3', '@OrVnfm-Vspm.001', '@OrVnfm-Vspm.004', '@OrVnfm-Vspm.005'],
}, async () => {
  await using here = await openMachine();
  here.vim.computes.get('web-1@1')!.memory = { counter: 41, sessions: ['a', 'b'] };
  here.vim.computes.get('web-2@1')!.disks.get('root')!.content = 'the disk of web-2, as it was';
  here.trace.length = 0;
  const { file, snapshotId } = await exported(here);
  expect(told(here.trace, '6.7.3')).toEqual([
    '1 Sender>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 VNFM>external location done',
    '5 VNFM>Sender done',
  ]);

  await using there = await openMachine();
  const imported = await there.packages().import({ from: file });
  expect(imported).toMatchObject({
    state: 'AVAILABLE',
    vnfSnapshotId: snapshotId,
    userDefinedData: { imported: true },
  });
  const snapshot = await there.packages().extract({ packageId: imported.id });
  expect(told(there.trace, '6.7.4')).toEqual([
    '1 Sender>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 external location>VNFM done',
    '5 VNFM>Sender done',
  ]);
  expect(told(there.trace, '6.7.2')).toEqual([
    '1 Sender>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 VNF Snapshot Package repository>VNFM done',
    '5 VNFM>VNFM done',
    '6 VNFM>VNFM done',
    '6 VNFM>VNFM done',
    '7 VNFM>Sender done',
  ]);
  const ofOne = there.trace.filter((s) => s.subject === 'web-1');
  expect(told(ofOne, '6.6.3')).toEqual([
    '1 VNFM>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 VNFM>VIM done',
    '5 VIM>VNFM done',
  ]);
  expect(snapshot.id).toBe(snapshotId);
  expect(there.state.vnfSnapshots.vnfd(snapshotId)).toMatchObject({ descriptor: { id: 'web', vnfdId: 'web-vnfd' } });
  await there.engine.revert(snapshotId);
  expect(there.vim.computes.get('web-1@1')!.memory).toEqual({ counter: 41, sessions: ['a', 'b'] });
  expect(there.vim.computes.get('web-2@1')!.disks.get('root')!.content).toBe('the disk of web-2, as it was');
});

test('a VNFC Snapshot Package is about one VNFC, and puts that one alone back', { tag: ['@Vnfm.007'] }, async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  machine.trace.length = 0;
  const requests: GrantRequest[] = [];
  const packages = machine.packages(granting(requests));
  const info = await packages.createVnfc({ vnfSnapshotId: snapshot.id, vnfcId: 'web-2' });
  expect(requests).toEqual([{ operation: 'createPackage', vnfInstanceId: 'web', vnfcIds: ['web-2'] }]);
  expect(told(machine.trace, '6.6.1')).toEqual([
    '1 VNFM>VNFM done',
    '2 VNFM>NFVO done',
    '3 NFVO>VNFM done',
    '4 VNFM>VIM done',
    '5 VIM>VNFM done',
  ]);
  expect(machine.trace.some((s) => s.clause === '6.7.1')).toBe(false);
  expect(info).toMatchObject({ isFullSnapshot: false });
  const extracted = await packages.extract({ packageId: info.id, vnfSnapshotId: 'part' });
  expect(extracted.vnfcSnapshots.map((s) => s.vnfcInstanceId)).toEqual(['web-2']);
  expect(extracted.userDefinedData.excluded.map((e) => e.vnfcId)).toEqual(['web-1']);
});

test('packages are queried by filter and by attributes', {
  tag: ['@PR-6.7.5', '@Vnfm.006', '@OrVnfm-Vspm.002'],
}, async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  const packages = machine.packages();
  await packages.create({ vnfSnapshotId: snapshot.id, name: 'first' });
  const second = await packages.create({ vnfSnapshotId: snapshot.id, name: 'second' });
  machine.trace.length = 0;
  expect(await packages.query()).toHaveLength(2);
  expect(told(machine.trace, '6.7.5')).toEqual([
    '1 Sender>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 VNFM>VNF Snapshot Package repository done',
    '5 VNFM>Sender done',
  ]);
  const found = await packages.query({ filter: { where: '(cont,name,eco)' }, fields: ['name', 'state'] });
  expect(found).toEqual([{ id: second.id, name: 'second', state: 'AVAILABLE' }]);
  expect(await packages.query({ filter: { state: 'ERROR' } })).toEqual([]);
});

test('a deleted package is gone with its file, and one in use is not deleted', {
  tag: ['@PR-6.7.6', '@OrVnfm-Vspm.003', '@Vnfm.009'],
}, async () => {
  await using machine = await openMachine();
  const snapshot = await machine.snapshot();
  const packages = machine.packages();
  const { id } = await packages.create({ vnfSnapshotId: snapshot.id });
  {
    using _ = machine.state.leases.take(id, 'an export');
    await expect(packages.delete(id)).rejects.toMatchObject({ kind: 'snapshot-in-use' });
    expect(await contentsOf(machine)).toEqual([id]);
  }
  machine.trace.length = 0;
  await packages.delete(id);
  expect(told(machine.trace, '6.7.6')).toEqual([
    '1 Sender>VNFM done',
    '2 VNFM>NFVO skipped',
    '4 VNFM>VNF Snapshot Package repository done',
    '5 VNFM>Sender done',
  ]);
  expect(await contentsOf(machine)).toEqual([]);
  expect(await packages.query()).toEqual([]);
  await expect(packages.delete(id)).rejects.toMatchObject({ kind: 'snapshot-missing' });
});

test('a package travels over HTTP too', { tag: ['@OrVnfm-Vspm.004', '@OrVnfm-Vspm.005'] }, async () => {
  const store = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (request.method === 'PUT') {
      void buffer(request).then((body) => {
        store.set(url, body);
        response.writeHead(201).end();
      });
    } else if (store.has(url)) response.end(store.get(url));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using here = await openMachine();
    const { id } = await exported(here);
    await here.packages().export({ packageId: id, to: `${base}/p.zip` });
    await using there = await openMachine();
    expect(await there.packages().import({ from: `${base}/p.zip` })).toMatchObject({ state: 'AVAILABLE' });
    await expect(there.packages().import({ from: `${base}/none` })).rejects.toMatchObject({ kind: 'file-missing' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await using alone = await openMachine();
  const { id } = await exported(alone);
  const nowhere = alone.packages().export({ packageId: id, to: 'http://127.0.0.1:9/x' });
  await expect(nowhere).rejects.toMatchObject({ kind: 'vim-unreachable' });
});

test('package states change only along the allowed ways', () => {
  for (const from of packageStates) {
    for (const to of packageStates) {
      const change = () => assertTransition('p', from, to);
      if (transitions[from].includes(to)) change();
      else expect(change).toThrow(OrdealError);
    }
  }
});
