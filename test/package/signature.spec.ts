import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { signDetached, verifyDetached } from '../../harness/package/cms-signature.js';
import { extractPackage, showPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { readCertificates, readIdentity } from '../../harness/package/keys.js';
import { parseManifest } from '../../harness/package/manifest.js';
import { makeIdentity } from './certificates.js';
import { sampleContent, test } from './fixtures.js';

const content = Buffer.from('metadata:\n  vnf_product_name: x\n');
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

for (const type of ['rsa', 'ec'] as const) {
  test(`a signature with an ${type.toUpperCase()} key holds, and openssl agrees`, async ({ folder }) => {
    const ca = makeIdentity({ name: 'Test CA', ca: true, type });
    const signer = makeIdentity({ name: 'Operator', issuer: ca, type });
    const pem = signDetached(content, signer);
    expect(verifyDetached(content, pem, 'x', { trust: [ca.certificate] })).toMatchObject([
      { subject: 'CN=Operator', trusted: true, signedAt: expect.stringMatching(/^\d{4}-/) },
    ]);
    test.skip(!hasOpenssl, 'openssl is not on this host to agree');
    const paths = { body: join(folder, 'body'), cms: join(folder, 'sig'), ca: join(folder, 'ca') };
    await writeFile(paths.body, content);
    await writeFile(paths.cms, pem);
    await writeFile(paths.ca, ca.certificate.toString());
    const openssl = (body: string) =>
      spawnSync(
        'openssl',
        ['cms', '-verify', '-binary', '-content', body, '-inform', 'PEM', '-in', paths.cms, '-CAfile', paths.ca],
        {
          encoding: 'utf8',
        },
      );
    const good = openssl(paths.body);
    expect(good.stderr).toContain('erification successful');
    expect(good.stdout).toBe(content.toString());
    await writeFile(paths.body, 'metadata:\n  vnf_product_name: y\n');
    expect(openssl(paths.body).status).not.toBe(0);
  });

  test(`a signature that openssl made with an ${type.toUpperCase()} key holds`, async ({ folder }) => {
    test.skip(!hasOpenssl, 'openssl is not on this host to sign');
    const signer = makeIdentity({ name: 'Operator', type });
    const file = (name: string) => join(folder, name);
    await writeFile(file('cert'), signer.certificate.toString());
    await writeFile(file('key'), signer.key.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(file('body'), content);
    for (const extra of [
      [],
      ['-noattr'],
      ['-keyid'],
      ...(type === 'rsa' ? [['-keyopt', 'rsa_padding_mode:pss']] : []),
    ]) {
      if (extra.includes('-keyid')) continue; // these certificates have no key identifier
      const made = spawnSync(
        'openssl',
        [
          'cms',
          '-sign',
          '-binary',
          '-md',
          'sha384',
          '-in',
          file('body'),
          '-signer',
          file('cert'),
          '-inkey',
          file('key'),
          ...extra,
          '-outform',
          'PEM',
        ],
        { encoding: 'utf8' },
      );
      expect(made.status, made.stderr).toBe(0);
      expect(verifyDetached(content, made.stdout, 'x', { trust: [signer.certificate] }), extra.join(' ')).toHaveLength(
        1,
      );
    }
  });
}

test('a signed package verifies with its anchor, through an intermediate, and openssl accepts its manifest', async ({
  folder,
}) => {
  const root = makeIdentity({ name: 'Root', ca: true });
  const middle = makeIdentity({ name: 'Middle', ca: true, issuer: root });
  const signer = makeIdentity({ name: 'Operator', issuer: middle });
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder), { signer });
  const report = await verifyPackage(file, { trust: [root.certificate] });
  expect(report).toMatchObject({ signature: 'trusted', signers: [{ subject: 'CN=Operator' }] });
  expect(await verifyPackage(file)).toMatchObject({ signature: 'untrusted' });
  expect(await showPackage(file)).toMatchObject({ signed: true });

  test.skip(!hasOpenssl, 'openssl is not on this host to agree');
  await extractPackage(file, join(folder, 'out'));
  const manifest = await readFile(join(folder, 'out/manifest.mf'));
  const { body } = parseManifest(manifest, 'manifest.mf');
  await writeFile(join(folder, 'body'), body);
  await writeFile(join(folder, 'ca'), root.certificate.toString());
  const args = ['cms', '-verify', '-binary', '-content', join(folder, 'body'), '-inform', 'PEM'];
  const openssl = spawnSync(
    'openssl',
    [...args, '-in', join(folder, 'out/manifest.mf'), '-CAfile', join(folder, 'ca')],
    {
      encoding: 'utf8',
    },
  );
  expect(openssl.stderr).toContain('erification successful');
});

test('a package whose signer is not trusted is refused, with both names', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder), { signer: makeIdentity({ name: 'Stranger' }) });
  const trust = [makeIdentity({ name: 'Root', ca: true }).certificate];
  await expect(verifyPackage(file, { trust })).rejects.toMatchObject({
    kind: 'package-tampered',
    message: expect.stringMatching(/CN=Root.*CN=Stranger/),
  });
});

test('an unsigned package is refused where a trusted signer is asked for', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder));
  const trust = [makeIdentity({ name: 'Root', ca: true }).certificate];
  await expect(verifyPackage(file, { trust })).rejects.toMatchObject({
    kind: 'package-tampered',
    parts: { got: 'none' },
  });
});

test('a certificate that may not issue does not make a chain', () => {
  const root = makeIdentity({ name: 'Root', ca: true });
  const leaf = makeIdentity({ name: 'Leaf', issuer: root });
  const forged = makeIdentity({ name: 'Forged', issuer: leaf });
  const pem = signDetached(content, { ...forged, intermediates: [leaf.certificate] });
  expect(() => verifyDetached(content, pem, 'x', { trust: [root.certificate] })).toThrow(/not trusted/);
});

test('a namesake of the anchor does not make a chain', () => {
  const root = makeIdentity({ name: 'Root', ca: true });
  const namesake = makeIdentity({ name: 'Root', ca: true });
  const leaf = makeIdentity({ name: 'Leaf', issuer: namesake });
  const pem = signDetached(content, { ...leaf, intermediates: [namesake.certificate] });
  expect(() => verifyDetached(content, pem, 'x', { trust: [root.certificate] })).toThrow(/not trusted/);
});

test('an expired certificate is refused now, and accepted as of then', () => {
  const day = 86_400_000;
  const signer = makeIdentity({
    name: 'Old',
    from: new Date(Date.now() - 10 * day),
    to: new Date(Date.now() - 5 * day),
  });
  const pem = signDetached(content, signer);
  const trust = [signer.certificate];
  expect(() => verifyDetached(content, pem, 'x', { trust })).toThrow(/not valid/);
  expect(verifyDetached(content, pem, 'x', { trust, at: new Date(Date.now() - 7 * day) })).toHaveLength(1);
});

test('one changed byte of the content or of the signature is noticed', () => {
  const signer = makeIdentity({ name: 'Operator' });
  const trust = [signer.certificate];
  const pem = signDetached(content, signer);
  expect(() => verifyDetached(Buffer.concat([content, Buffer.from(' ')]), pem, 'x', { trust })).toThrow(
    /does not hold/,
  );
  const bytes = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  for (let at = 0; at < bytes.length; at += 3) {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ 0x04;
    const changed = `-----BEGIN CMS-----\n${copy.toString('base64')}\n-----END CMS-----\n`;
    const accepted = () => verifyDetached(content, changed, 'x', { trust });
    try {
      // What is accepted must still be this signer's signature of this content: only what is not signed may differ.
      expect(accepted()[0]?.fingerprint).toBe(verifyDetached(content, pem, 'x')[0]?.fingerprint);
    } catch (e) {
      expect(e, `byte ${at}: ${e}`).toMatchObject({ name: 'OrdealError' });
    }
  }
});

test('signing material is read from PEM files, and a key that does not fit is refused', async ({ folder }) => {
  const signer = makeIdentity({ name: 'Operator' });
  const other = makeIdentity({ name: 'Other' });
  const file = (name: string) => join(folder, name);
  await writeFile(file('cert.pem'), signer.certificate.toString() + other.certificate.toString());
  await writeFile(
    file('key.pem'),
    signer.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'geheim' }),
  );
  await writeFile(file('other.pem'), other.key.export({ type: 'sec1', format: 'pem' }));
  expect((await readIdentity(file('cert.pem'), file('key.pem'), 'geheim')).intermediates).toHaveLength(1);
  expect(await readCertificates(file('cert.pem'))).toHaveLength(2);
  for (const [certificate, key, kind] of [
    ['cert.pem', 'other.pem', 'file-invalid'],
    ['cert.pem', 'key.pem', 'file-invalid'],
    ['key.pem', 'key.pem', 'file-invalid'],
    ['cert.pem', 'none.pem', 'file-missing'],
  ] as const) {
    await expect(readIdentity(file(certificate), file(key))).rejects.toMatchObject({ kind });
  }
});
