import { appendFile, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { expect } from '@playwright/test';
import { type RunRecord, runRecord } from '../../harness/model/run-record.js';
import { instanceSnapshot, vnfSnapshot } from '../../harness/model/snapshot.js';
import type { Notice } from '../../harness/online-test/inform.js';
import { showPackage, verifyPackage } from '../../harness/package/index.js';
import { imagePath, layout } from '../../harness/package/layout.js';
import { PackageReader } from '../../harness/package/package-reader.js';
import { storedVnfd } from '../../harness/snapshot/stored-vnfd.js';
import { openState } from '../../harness/store/state.js';
import { ordeal } from './ordeal-command.js';

/** The rows that `expectOnlineTesting` proves for the VIM of a sample. */
export const onlineTestingRows = [...[1, 2, 3, 4, 5, 6, 7, 8, 'P'].map((step) => `@UC-4.1.1.${step}`), '@UC-4.2.1.2'];

/** The rows that `expectExtraction` proves for the VIM of a sample. */
export const extractionRows = ['@Vim.003', '@Nfvi.003'];

/** The service provider and a VNF provider, who are told what came of every run. */
export class Providers implements AsyncDisposable {
  readonly notices: Notice[] = [];
  readonly #server = createServer(async (request, response) => {
    this.notices.push((await json(request)) as Notice);
    response.writeHead(204).end();
  });

  /** @param folder of a descriptor, `service.yaml`, which names them from now on */
  static async of(folder: string): Promise<Providers> {
    const providers = new Providers();
    await new Promise<void>((resolve) => providers.#server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(providers.#server.address() as AddressInfo).port}`;
    const told = ['service-provider', 'vnf-provider'].map((who) => ({ who, when: 'always', webhook: { url } }));
    await appendFile(join(folder, 'service.yaml'), `inform: ${JSON.stringify(told)}\n`);
    return providers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/**
 * What two runs of a sample leave, one that its service survived and one after which it was restored: the steps of clause 4.1.1.4 one
 * by one. The folder holds `state` and `out` of the runs; both VNFs of the sample were the tested area.
 * @returns the runs, the one that was survived first
 */
export async function expectOnlineTesting(folder: string, { notices }: Providers): Promise<RunRecord[]> {
  const runs = await recordsIn(join(folder, 'out'));
  expect(runs.map((r) => r.verdicts)).toEqual([
    { service: 'recovered', injection: 'confirmed', restoration: 'not-needed', evidence: 'not-needed' },
    { service: 'failed', injection: 'confirmed', restoration: 'restored', evidence: 'exported' },
  ]);
  for (const { stages, indicators } of runs) {
    const done = stages.filter((s) => s.state === 'done').map((s) => s.name);
    expect(done).toEqual(
      expect.arrayContaining(['plan', 'baseline', 'snapshot', 'inject', 'react', 'measure', 'judge']),
    );
    expect(indicators.length, 'what was measured before and after is compared').toBeGreaterThan(0);
  }
  expect(notices.map((n) => `${n.to}: ${n.outcome}`).sort(), 'both providers are told of both runs').toEqual(
    ['service-provider', 'vnf-provider'].flatMap((who) =>
      ['as-before', 'restored'].map((outcome) => `${who}: ${outcome}`),
    ),
  );
  await expectSnapshots(folder, runs);
  const packages = runs[1]?.packages ?? [];
  expect(packages.map((p) => p.vnf)).toContain('session-store');
  for (const { file, vnf } of packages) await expectEvidence(file, vnf ?? '');
  return runs;
}

/** The VNF Snapshots around the tested area, with the VNFD, virtual links included, and the VnfInfo. */
async function expectSnapshots(folder: string, runs: readonly RunRecord[]): Promise<void> {
  await using state = await openState(join(folder, 'state'));
  for (const run of runs) {
    const taken = run.snapshots.filter((s) => s.purpose === 'restore');
    expect(taken.map((s) => s.vnf).sort()).toEqual(['gateway', 'session-store']);
    for (const { id, vnf } of taken) {
      const { vnfInstance, vnfcSnapshots } = state.vnfSnapshots.show(id);
      const { descriptor, files } = storedVnfd.parse(state.vnfSnapshots.vnfd(id));
      expect(descriptor.id).toBe(vnf);
      const vnfd = Buffer.from(files[0]?.base64 ?? '', 'base64').toString();
      expect(vnfd).toContain('tosca.nodes.nfv.VNF');
      expect(vnfd, 'with its virtual links').toContain('VirtualLinkable');
      const { vnfcResourceInfo, vnfVirtualLinkResourceInfo } = vnfInstance.instantiatedVnfInfo;
      const described = descriptor.vnfcs.map((v) => v.id).sort();
      expect(vnfcResourceInfo.map((r) => r.id).sort()).toEqual(described);
      expect(vnfcSnapshots.map((v) => v.vnfcInstanceId).sort()).toEqual(described);
      expect(vnfVirtualLinkResourceInfo.length).toBeGreaterThan(0);
    }
  }
}

/** What the root cause is looked for in: the failed VNFCs as they were captured, their logs, and what was measured. */
async function expectEvidence(file: string, vnf: string): Promise<void> {
  await verifyPackage(file);
  const { vnfd, vnfcs, vnfSnapshot: record, artifacts } = await showPackage(file);
  expect(record).toMatchObject({ vnfInstanceId: vnf, userDefinedData: { purpose: 'forensic' } });
  expect(vnfd?.sizeBytes).toBeGreaterThan(0);
  expect(record.vnfInstance.instantiatedVnfInfo.vnfcResourceInfo.length).toBeGreaterThan(0);
  const paths = artifacts.map((a) => a.path);
  for (const path of ['run.json', 'samples.jsonl', 'trace.jsonl']) expect(paths).toContain(`artifacts/${path}`);
  for (const { id } of vnfcs) {
    expect(paths, `the log of ${id}`).toContainEqual(expect.stringContaining(`artifacts/logs/${id}/`));
  }
}

/**
 * The snapshot of a VNFC in quarantine: memory, disks, devices, infrastructure configuration, and whose it is. The row is
 * CO-vnfc-snapshot.
 */
export async function expectVnfcSnapshot(run: RunRecord | undefined, vim: string): Promise<void> {
  const { file } = run?.packages.find((p) => p.vnf === 'session-store') ?? { file: '' };
  const { vnfcs, vnfSnapshot: record } = await showPackage(file);
  const store = vnfcs.find((v) => v.id === 'store-1');
  for (const role of ['memory', 'disk', 'state']) {
    expect(store?.images, role).toContainEqual(expect.objectContaining({ role, sizeBytes: expect.any(Number) }));
  }
  expect(record.vnfcSnapshots.find((v) => v.vnfcInstanceId === 'store-1')).toMatchObject({
    computeSnapshotResource: { vimConnectionId: vim },
    storageSnapshotResources: expect.arrayContaining([
      { storageResourceId: expect.any(String), storageSnapshotResource: expect.any(String) },
    ]),
    userDefinedData: { type: 'warm', vnfInstanceId: 'session-store', powerState: 'suspended' },
  });
  await using reader = await PackageReader.open(file);
  const { infrastructure, disks, memory } = await reader.record(
    imagePath('store-1', layout.vnfcRecord),
    instanceSnapshot,
  );
  expect(Object.keys(infrastructure).length, 'resources and device settings').toBeGreaterThan(0);
  expect(disks).toContainEqual(expect.objectContaining({ id: 'data', included: true }));
  expect(memory?.bytes).toBeGreaterThan(0);
}

/** Who has nothing but the package and the VIM has a VNF Snapshot again, with an empty store. */
export async function expectExtraction(folder: string, run: RunRecord | undefined): Promise<void> {
  const { file } = run?.packages.find((p) => p.vnf === 'session-store') ?? { file: '' };
  const call = async (...args: string[]) => {
    const { code, printed, said } = await ordeal(
      ['package', ...args, '--json', '--state', join(folder, 'vendor')],
      folder,
    );
    expect(code, said).toBe(0);
    return JSON.parse(printed);
  };
  const service = join(folder, 'service.yaml');
  const { id } = await call('import', service, file);
  const extracted = vnfSnapshot.parse(await call('extract', service, id));
  expect(extracted.vnfInstanceId).toBe('session-store');
  expect(extracted.vnfcSnapshots.map((v) => v.vnfcInstanceId)).toContain('store-1');
}

/** The one that needed no restoration first. */
async function recordsIn(out: string): Promise<RunRecord[]> {
  const files = (await readdir(out, { recursive: true })).filter((file) => /(^|\/)run\.json$/.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(out, file), 'utf8')));
  const records = texts.map((text) => runRecord.parse(JSON.parse(text)));
  return records.sort((a, b) => a.verdicts.restoration.localeCompare(b.verdicts.restoration));
}
