import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { expect } from '@playwright/test';
import fc from 'fast-check';
import { envelope } from '../../harness/package/cms-envelope.js';
import { opened } from '../../harness/package/cms-envelope-reader.js';
import { extractPackage, showPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { makeIdentity } from './certificates.js';
import { generated, instanceSnapshot, sampleContent, test } from './fixtures.js';
import { openMachine } from './package-bench.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const rsa = makeIdentity({ name: 'Vendor with RSA', type: 'rsa' });
const ec = makeIdentity({ name: 'Vendor with EC' });
const p384 = makeIdentity({ name: 'Vendor with P-384', curve: 'secp384r1' });
const all = [rsa, ec, p384];

const chunked = (bytes: Buffer, size: number): Readable => {
  const chunks = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(chunks);
};
const seal = (bytes: Buffer, recipients = all) =>
  buffer(
    envelope(
      chunked(bytes, 7000),
      recipients.map((r) => r.certificate),
    ),
  );

test('what is sealed to several can be opened by each of them alone, whatever its length and its chunks', async () => {
  const lengths = fc.constantFrom(0, 1, 15, 16, 17, 6999, 7000, 65_535, 65_536, 65_537, 200_000);
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.integer({ min: 1, max: 70_000 }),
      fc.constantFrom(...all),
      async (length, chunk, identity) => {
        const content = randomBytes(length);
        const sealed = await seal(content);
        const clear = await buffer(opened(chunked(sealed, Math.max(chunk, 50)), [identity], 'x'));
        expect(clear.equals(content)).toBe(true);
      },
    ),
    { numRuns: 30, seed: 20261122 },
  );
});

for (const identity of all) {
  test(`openssl opens what is sealed to a ${identity.certificate.subject.replace('CN=', '')}`, async ({ folder }) => {
    test.skip(!hasOpenssl, 'openssl is not on this host to agree');
    const content = randomBytes(200_000);
    const file = (name: string) => join(folder, name);
    await writeFile(file('sealed'), await seal(content));
    await writeFile(file('key'), identity.key.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(file('cert'), identity.certificate.toString());
    const args = [
      'cms',
      '-decrypt',
      '-inform',
      'DER',
      '-in',
      file('sealed'),
      '-recip',
      file('cert'),
      '-inkey',
      file('key'),
    ];
    const { status, stderr } = spawnSync('openssl', [...args, '-binary', '-out', file('clear')], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect((await readFile(file('clear'))).equals(content)).toBe(true);
  });

  test(`what openssl sealed to a ${identity.certificate.subject.replace('CN=', '')} is opened`, async ({ folder }) => {
    test.skip(!hasOpenssl, 'openssl is not on this host to seal');
    const content = randomBytes(100_000);
    const file = (name: string) => join(folder, name);
    await writeFile(file('clear'), content);
    await writeFile(file('cert'), identity.certificate.toString());
    const padding = identity === rsa ? ['-keyopt', 'rsa_padding_mode:oaep'] : [];
    const wrap = identity === rsa ? [] : ['-aes256-wrap'];
    for (const streaming of [[], ['-stream']]) {
      const args = [
        'cms',
        '-encrypt',
        '-binary',
        '-aes-256-cbc',
        ...wrap,
        ...streaming,
        '-in',
        file('clear'),
        '-outform',
        'DER',
      ];
      const made = spawnSync('openssl', [...args, '-out', file('sealed'), '-recip', file('cert'), ...padding], {
        encoding: 'utf8',
      });
      expect(made.status, made.stderr).toBe(0);
      const sealed = await readFile(file('sealed'));
      const clear = await buffer(opened(chunked(sealed, 5000), [identity], 'x'));
      expect(clear.equals(content)).toBe(true);
    }
  });
}

test('who is not a recipient is told for whom it is', async () => {
  const sealed = await seal(Buffer.from('secret'), [ec]);
  const e = await buffer(opened(chunked(sealed, 100), [rsa], 'x')).catch((reason: unknown) => reason);
  expect(e).toMatchObject({ kind: 'package-invalid' });
  expect(String(e)).toContain(ec.certificate.serialNumber.toLowerCase().replace(/^0+/, ''));
});

test('a damaged or cut envelope makes an error, never a crash', async () => {
  const sealed = await seal(randomBytes(3000), [ec]);
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.nat(7), fc.boolean(), async (at, bit, cut) => {
      const copy = Buffer.from(sealed);
      copy[at] = copy[at]! ^ (1 << bit);
      const damaged = cut ? sealed.subarray(0, at) : copy;
      // CBC alone does not tell every flip; the manifest's hash does.
      const e = await buffer(opened(chunked(damaged, 100), [ec], 'x')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(e === undefined || e instanceof OrdealError, String(e)).toBe(true);
    }),
    { numRuns: 150, seed: 20261122 },
  );
});

test('a package for recipients hides images, artifacts and VNFD, shows its records, and opens with a key', async ({
  folder,
}) => {
  const file = join(folder, 'x.zip');
  const content = await sampleContent(folder);
  await writePackage(file, content, { recipients: [rsa.certificate, ec.certificate] });
  await verifyPackage(file);
  const summary = await showPackage(file);
  expect(summary.info.vnfcSnapshotImages?.every((i) => i.isEncrypted)).toBe(true);
  expect(summary.info.additionalArtifacts?.every((i) => i.isEncrypted)).toBe(true);
  expect(summary.info.vnfdInfo?.isEncrypted).toBe(true);
  expect(summary.vnfcs[0]?.images[0]).toMatchObject({ name: 'memory.raw', sizeBytes: 65_536, isEncrypted: true });
  expect((await readFile(file)).includes('"globals"')).toBe(false);

  await extractPackage(file, join(folder, 'sealed'));
  expect(await readdir(join(folder, 'sealed/images/store-1'))).toContain('memory.raw.gz.cms');
  for (const identity of [rsa, ec]) {
    const out = join(folder, identity.certificate.serialNumber);
    await extractPackage(file, out, { identities: [identity] });
    expect((await readdir(join(out, 'images/store-1'))).sort()).toEqual([
      'disk-data.raw',
      'memory.raw',
      'record.json',
      'state.json',
    ]);
    for (const { vnfcId, images } of content.images) {
      for (const image of images) {
        const want = await buffer((await image.open()) as Readable);
        expect((await readFile(join(out, 'images', vnfcId, image.name))).equals(want)).toBe(true);
      }
    }
    expect(await readFile(join(out, 'artifacts/run.json'), 'utf8')).toBe('{"schema":"ordeal.run/1"}');
  }
  await expect(extractPackage(file, join(folder, 'no'), { identities: [p384] })).rejects.toMatchObject({
    kind: 'package-invalid',
  });
  expect((await readdir(folder)).includes('no')).toBe(false);

  test.skip(!hasOpenssl, 'openssl is not on this host to agree');
  await writeFile(join(folder, 'key'), ec.key.export({ type: 'pkcs8', format: 'pem' }));
  const entry = join(folder, 'sealed/artifacts/run.json.gz.cms');
  const args = ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', entry, '-inkey', join(folder, 'key')];
  const { stdout } = spawnSync('openssl', args);
  expect(gunzipSync(stdout).toString()).toBe('{"schema":"ordeal.run/1"}');
});

test('a package travels encrypted to another machine, which alone can open it', async () => {
  await using here = await openMachine();
  here.vim.computes.get('web-1@1')!.memory = { secret: 'in memory' };
  const snapshot = await here.snapshot();
  const file = join(here.folder, 'out.zip');
  const packages = here.packages({}, { recipients: [ec.certificate] });
  const { id } = await packages.create({ vnfSnapshotId: snapshot.id });
  await packages.export({ packageId: id, to: file });
  await using stranger = await openMachine();
  const theirs = await stranger.packages().import({ from: file });
  await expect(stranger.packages().extract({ packageId: theirs.id })).rejects.toMatchObject({
    kind: 'package-invalid',
  });
  await using there = await openMachine();
  const options = { identities: [ec] };
  const mine = await there.packages({}, options).import({ from: file });
  const extracted = await there.packages({}, options).extract({ packageId: mine.id });
  await there.engine.revert(extracted.id);
  expect(there.vim.computes.get('web-1@1')!.memory).toEqual({ secret: 'in memory' });
});

test('memory use does not grow with an encrypted image', async ({ folder }) => {
  const bytes = 128 * 1024 * 1024;
  const file = join(folder, 'large.zip');
  let peak = 0;
  const before = process.memoryUsage().rss;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const memory = { name: 'memory.raw', role: 'memory' as const, sizeBytes: bytes, open: async () => generated(bytes) };
  const images = [{ vnfcId: 'big', record: instanceSnapshot('big'), images: [memory] }];
  const from = performance.now();
  await writePackage(file, { ...(await sampleContent(folder)), images }, { recipients: [ec.certificate] });
  const written = performance.now();
  await extractPackage(file, join(folder, 'out'), { identities: [ec] });
  const read = performance.now();
  clearInterval(watch);
  const grownMiB = (peak - before) / 2 ** 20;
  const rate = (ms: number) => `${(128_000 / ms).toFixed(0)} MiB/s`;
  test.info().annotations.push({
    type: 'measured',
    description: `128 MiB encrypted: written ${rate(written - from)}, extracted ${rate(read - written)}, memory +${grownMiB.toFixed(0)} MiB`,
  });
  expect(grownMiB).toBeLessThan(96);
});
