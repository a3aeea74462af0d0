import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from '@playwright/test';
import fc from 'fast-check';
import { extractPackage, showPackage, writePackage } from '../../harness/package/index.js';
import { isText, redacted } from '../../harness/package/redaction.js';
import { artifact, sampleContent, test } from './fixtures.js';

const redact = async (text: string | Buffer, chunk = 1e6): Promise<string> => {
  const bytes = Buffer.from(text);
  const chunks = [];
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk));
  return (await buffer(redacted(Readable.from(chunks)).text)).toString();
};

const secret = 'hunter2-Zx9';
const pem = `-----BEGIN RSA PRIVATE KEY-----\nMIIE${secret}\nabcd\n-----END RSA PRIVATE KEY-----`;

for (const [what, text] of [
  ['a password in JSON', `{"user":"a","password":"${secret}","n":1}`],
  ['a password in JSON with escaped quotes', `{"dbPassword": "x\\"${secret}\\"y", "n": 1}`],
  ['a number in JSON', `{"token": 1234${'5'.repeat(4)}, "n": 1}`.replace('12345555', secret)],
  ['JSON inside a JSON string', `{"body":"{\\"password\\":\\"${secret}\\",\\"a\\":1}"}`],
  ['a password in YAML', `db:\n  password: ${secret}\n  host: x`],
  ['a quoted password', `password='two words ${secret}' host=x`],
  ['an environment variable', `DB_PASSWORD=${secret} npm start`],
  ['a query parameter', `GET /x?api_key=${secret}&page=2 HTTP/1.1`],
  ['an Authorization header', `Authorization: Bearer ${secret}abcdefgh`],
  ['a basic Authorization header', `authorization: Basic ${secret}`],
  ['a bearer token in text', `sent with bearer ${secret}abcdefgh`],
  ['a cookie', `Set-Cookie: sid=${secret}; Path=/; HttpOnly`],
  ['a password in a URL', `postgres://app:${secret}@db.example/x`],
  ['a command-line option', `mysql --password ${secret} -u root`],
  ['a private key', `before\n${pem}\nafter`],
  ['a private key in JSON', JSON.stringify({ note: pem })],
  ['a JSON web token', `token eyJhbGciOiJIUzI1NiJ9.eyJ${secret.replace('-', '_')}YWJj.sig-${secret}`],
] as const) {
  test(`${what} is taken out, and what is around it stays`, async () => {
    const out = await redact(text);
    expect(out).toContain('[redacted]');
    expect(out).not.toContain('hunter2');
    expect(out).not.toContain('Zx9');
    for (const kept of ['host', 'before', 'after', 'page=2', '"n"', 'npm start', 'db.example', '-u root']) {
      if (text.includes(kept)) expect(out).toContain(kept);
    }
    if (text.startsWith('{')) JSON.parse(out);
    for (const chunk of [1, 3, 10]) {
      const inPieces = await redact(text, chunk);
      expect(inPieces).toBe(out);
    }
  });
}

for (const text of [
  '2026-11-22T23:00:00Z store-1 started in 12 ms',
  '{"schema":"ordeal.run/1","seed":7,"phases":[{"name":"baseline","fromMs":0}]}',
  'sessions/user-17 answered 200 in 3.2 ms',
  'passwordless login is off; tokens are rotated daily',
  'Grüße, 世界 – the token bucket is full',
]) {
  test(`${JSON.stringify(text.slice(0, 40))} stays as it is`, async () => {
    expect(await redact(text)).toBe(text);
  });
}

test('text without secrets passes byte by byte, whatever its encoding and its chunks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 1, max: 500 }), async (bytes, chunk) => {
      const safe = Buffer.from(bytes.map((b) => (b === 0x3a || b === 0x3d ? 0x20 : b)));
      const chunks = [];
      for (let at = 0; at < safe.length; at += chunk) chunks.push(safe.subarray(at, at + chunk));
      expect((await buffer(redacted(Readable.from(chunks)).text)).equals(safe)).toBe(true);
    }),
    { numRuns: 100, seed: 20261122 },
  );
});

test('a very long line is cut without losing a byte', async () => {
  const text = `${'{"a":1},'.repeat(400_000)}{"password":"${secret}"}`;
  const out = await redact(text, 60_000);
  expect(out).toBe(text.replace(secret, '[redacted]'));
});

test('logs in a package are redacted and say so, images and binary artifacts are not touched', async ({ folder }) => {
  const binary = Buffer.from(`\0\0password=${secret}`);
  const file = join(folder, 'x.zip');
  await writePackage(file, {
    ...(await sampleContent(folder)),
    artifacts: [artifact('logs/a.log', `password=${secret}\ntoken=${secret}\n`), artifact('core.bin', binary)],
  });
  await extractPackage(file, join(folder, 'out'));
  expect(await readFile(join(folder, 'out/artifacts/logs/a.log'), 'utf8')).toBe(
    'password=[redacted]\ntoken=[redacted]\n',
  );
  expect((await readFile(join(folder, 'out/artifacts/core.bin'))).equals(binary)).toBe(true);
  const { info } = await showPackage(file);
  expect(info.additionalArtifacts?.map((a) => a.metadata)).toEqual([
    { size: 37, redactions: 2 },
    { size: binary.length },
  ]);

  const raw = join(folder, 'raw.zip');
  const content = { ...(await sampleContent(folder)), artifacts: [artifact('a.log', `password=${secret}`)] };
  await writePackage(raw, content, { redaction: false });
  await extractPackage(raw, join(folder, 'raw'), {});
  expect(await readFile(join(folder, 'raw/artifacts/a.log'), 'utf8')).toBe(`password=${secret}`);
});

test('text is told by its name', () => {
  for (const path of ['a.log', 'a.log.1', 'x/run.json', 'messages', 'a.YAML']) expect(isText(path), path).toBe(true);
  for (const path of ['a.png', 'core.bin', 'x.zip', 'memory.raw', 'trace.pcap']) expect(isText(path), path).toBe(false);
});
