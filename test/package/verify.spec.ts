import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import fc from 'fast-check';
import { signDetached } from '../../harness/package/cms-signature.js';
import { showPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { makeIdentity } from './certificates.js';
import { sampleContent, test } from './fixtures.js';
import { failure, foreignManifest, good, listed, type RawEntry, rawZip, sha256 } from './raw-zip.js';

const seed = Number(process.env.ORDEAL_SEED ?? 20261122);
/** More of them by hand or by night: ORDEAL_RUNS=5000. */
const numRuns = Number(process.env.ORDEAL_RUNS ?? 150);
const kinds = ['package-truncated', 'package-tampered', 'package-invalid'];

async function samplePackage(folder: string): Promise<{ file: string; bytes: Buffer; sha256: string }> {
  const file = join(folder, 'sample.zip');
  const written = await writePackage(file, await sampleContent(folder));
  return { file, bytes: await readFile(file), sha256: written.sha256 };
}

test('a package that was cut short anywhere is called truncated', async ({ folder }) => {
  const { bytes } = await samplePackage(folder);
  const cut = join(folder, 'cut.zip');
  const check = async (length: number) => {
    await writeFile(cut, bytes.subarray(0, length));
    for (const read of [verifyPackage, showPackage]) {
      const e = await failure(read(cut));
      expect(e, `cut at ${length} of ${bytes.length}`).toBeInstanceOf(OrdealError);
      expect((e as OrdealError).kind, `cut at ${length} of ${bytes.length}: ${e}`).toBe('package-truncated');
    }
  };
  await fc.assert(fc.asyncProperty(fc.nat(bytes.length - 1), check), {
    seed,
    numRuns,
    examples: [[0], [1], [22], [bytes.length - 1]],
  });
});

test('a package that was cut right behind an archive inside it is called truncated', async ({ folder }) => {
  const { bytes } = await samplePackage(folder);
  const inner = bytes.indexOf(Buffer.from('PK\u0005\u0006', 'latin1')) + 22;
  expect(inner).toBeLessThan(bytes.length - 22);
  const cut = join(folder, 'cut.zip');
  await writeFile(cut, bytes.subarray(0, inner));
  await expect(verifyPackage(cut)).rejects.toMatchObject({ kind: 'package-truncated' });
});

test('no flipped bit in a package goes unnoticed where it matters, and none makes a crash', async ({ folder }) => {
  const { bytes, sha256: whole } = await samplePackage(folder);
  const flipped = join(folder, 'flipped.zip');
  const harmless = new Set<number>();
  let detected = 0;
  const check = async (at: number, bit: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] as number) ^ (1 << bit);
    await writeFile(flipped, copy);
    const e = await failure(verifyPackage(flipped));
    if (e === undefined) {
      harmless.add(at);
      // Whoever knows the hash of the whole, as run.json does, notices even a changed time stamp.
      await expect(verifyPackage(flipped, { sha256: whole })).rejects.toMatchObject({ kind: 'package-tampered' });
      return;
    }
    detected++;
    expect(e, `byte ${at} bit ${bit}`).toBeInstanceOf(OrdealError);
    expect(kinds, `byte ${at} bit ${bit}: ${e}`).toContain((e as OrdealError).kind);
    const shown = await failure(showPackage(flipped));
    expect(shown === undefined || shown instanceof OrdealError, `byte ${at} bit ${bit}: ${shown}`).toBe(true);
  };
  const anywhere = fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), check);
  await fc.assert(anywhere, { seed, numRuns });
  const directoryAt = bytes.readUInt32LE(bytes.length - 6);
  const inDirectory = fc.asyncProperty(fc.integer({ min: directoryAt, max: bytes.length - 1 }), fc.nat(7), check);
  await fc.assert(inDirectory, { seed, numRuns });
  test.info().annotations.push({
    type: 'measured',
    description: `seed ${seed}: ${detected} flips detected, ${harmless.size} bytes harmless (times, versions, attributes)`,
  });
  expect(detected).toBeGreaterThan(1.3 * numRuns);
});

test('a tampered entry is named with the expected and the found hash', async ({ folder }) => {
  const entries: RawEntry[] = [
    { name: 'a.txt', data: 'as it was' },
    { name: 'b.txt', data: 'untouched' },
  ];
  const manifest = foreignManifest(entries);
  const file = join(folder, 'x.zip');
  await writeFile(
    file,
    rawZip([{ name: 'a.txt', data: 'as it is!' }, entries[1]!, { name: 'manifest.mf', data: manifest }]),
  );
  const e = (await failure(verifyPackage(file))) as OrdealError;
  expect(e.kind).toBe('package-tampered');
  expect(e.what).toContain('a.txt');
  expect(e.parts).toMatchObject({ expected: `SHA-256 ${sha256('as it was')}`, got: sha256('as it is!') });
});

test('several tampered entries are told together', async ({ folder }) => {
  const entries: RawEntry[] = ['a', 'b', 'c'].map((name) => ({ name, data: name }));
  const manifest = foreignManifest(entries.map((e) => ({ ...e, data: 'other' })));
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip([...entries, { name: 'manifest.mf', data: manifest }]));
  const e = (await failure(verifyPackage(file))) as OrdealError;
  expect(e).toMatchObject({ kind: 'package-tampered' });
  for (const name of ['"a"', '"b"', '"c"']) expect(e.message).toContain(name);
});

for (const [what, newline, signer] of [
  ['one block without blank lines', '\n', undefined],
  ['CRLF', '\r\n', undefined],
  ['a trailing CMS block', '\n', makeIdentity({ name: 'Somebody' })],
  ['CRLF and a trailing CMS block', '\r\n', makeIdentity({ name: 'Somebody' })],
] as const) {
  test(`a manifest of SOL004 with ${what} is read`, async ({ folder }) => {
    const entries: RawEntry[] = [
      { name: 'Definitions/vnfd.yaml', data: 'tosca' },
      { name: 'Files/image.qcow2', data: 'image' },
    ];
    const text = foreignManifest(entries, newline);
    const signature = signer === undefined ? '' : signDetached(Buffer.from(text), signer).replaceAll('\n', newline);
    const file = join(folder, 'x.csar');
    await writeFile(file, rawZip([...entries, { name: 'vnf.mf', data: text + signature }]));
    expect(await verifyPackage(file)).toMatchObject({
      format: 'SOL004',
      entries: 3,
      signature: signer === undefined ? 'none' : 'untrusted',
    });
  });
}

test('a package larger than the caller allows is refused before it is read', async ({ folder }) => {
  const { file } = await samplePackage(folder);
  await expect(verifyPackage(file, { totalBytes: 1000 })).rejects.toMatchObject({ kind: 'package-invalid' });
});

test('a package that is not there is missing, and a folder is not a package', async ({ folder }) => {
  await expect(verifyPackage(join(folder, 'none.zip'))).rejects.toMatchObject({ kind: 'file-missing' });
  await expect(verifyPackage(folder)).rejects.toMatchObject({ kind: 'package-invalid' });
});

test('a package with a comment or behind a symbolic link is still a package', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip(listed(good), 'made by hand'));
  await symlink(file, join(folder, 'link.zip'));
  expect(await verifyPackage(join(folder, 'link.zip'))).toMatchObject({ entries: 2 });
});

test('a package that is not a VNF Snapshot Package can be verified but not shown', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip(listed(good)));
  await expect(showPackage(file)).rejects.toMatchObject({ kind: 'package-invalid' });
});

test('package information that contradicts the manifest is refused', async ({ folder }) => {
  const sample = await samplePackage(folder);
  const summary = await showPackage(sample.file);
  const info = { ...summary.info, vnfSnapshotId: 'another' };
  const entries: RawEntry[] = [
    { name: 'vnfsr.json', data: JSON.stringify(summary.vnfSnapshot) },
    {
      name: 'vnf-snapshot-package-info.json',
      data: JSON.stringify({
        ...info,
        vnfdInfo: undefined,
        vnfsr: undefined,
        vnfcSnapshotImages: [],
        additionalArtifacts: [],
      }),
    },
  ];
  const ours = foreignManifest(entries).replace(
    'metadata:',
    'metadata:\n  ordeal_package_format: ordeal.vnf-snapshot-package\n  ordeal_package_version: 1',
  );
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip([...entries, { name: 'manifest.mf', data: ours }]));
  await expect(verifyPackage(file)).rejects.toMatchObject({ kind: 'package-invalid', parts: { got: 'another' } });
});
