import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { verifyPackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { test } from './fixtures.js';
import { failure, foreignManifest, good, listed, type RawEntry, rawZip, sha256 } from './raw-zip.js';

const manifestOf = (text: string): RawEntry[] => [...good, { name: 'manifest.mf', data: text }];
const hash = sha256('a');

const refusals: readonly [title: string, zip: () => Buffer, kind: string, says: RegExp][] = [
  ['a file that is no ZIP', () => Buffer.from('just a text'), 'package-invalid', /not a package/],
  ['an empty file', () => Buffer.alloc(0), 'package-truncated', /cut short/],
  ['a ZIP without a manifest', () => rawZip(good), 'package-invalid', /no manifest/],
  [
    'an entry that the manifest does not list',
    () => rawZip([...listed(good), { name: 'b', data: 'b' }]),
    'package-tampered',
    /does not list.*beside them b/,
  ],
  [
    'a missing entry',
    () => rawZip(listed([...good, { name: 'b', data: 'b' }]).filter((e) => e.name !== 'b')),
    'package-tampered',
    /lacks.*expected b/,
  ],
  ['an entry that stands twice', () => rawZip(listed([...good, ...good])), 'package-invalid', /twice/],
  [
    'a path that leaves the package',
    () => rawZip(listed([{ name: '../a', data: 'a' }])),
    'package-invalid',
    /invalid relative path/,
  ],
  ['an absolute path', () => rawZip(listed([{ name: '/etc/a', data: 'a' }])), 'package-invalid', /absolute path/],
  [
    'a path with a dot segment',
    () => rawZip(listed([{ name: 'x/./a', data: 'a' }])),
    'package-invalid',
    /first segment/,
  ],
  [
    'a path with a control character',
    () => rawZip([{ name: 'x\u0007', data: 'a' }]),
    'package-invalid',
    /control character/,
  ],
  [
    'a symbolic link',
    () => rawZip(listed([{ name: 'a', data: '/etc/passwd', mode: 0o120777 }])),
    'package-invalid',
    /symbolic link/,
  ],
  ['a device', () => rawZip(listed([{ name: 'a', data: '', mode: 0o020600 }])), 'package-invalid', /special file/],
  [
    'two names of one entry',
    () => rawZip(listed([{ name: 'a', data: 'a', localName: 'b' }])),
    'package-tampered',
    /two names/,
  ],
  [
    'entries that share their bytes',
    () => rawZip(listed([...good, { name: 'b', data: 'a', sameAs: 'a.txt' }])),
    'package-tampered',
    /does not follow/,
  ],
  [
    'hidden bytes between entries',
    () => rawZip(listed([{ ...good[0]!, junk: Buffer.from('hidden') }])),
    'package-tampered',
    /does not follow|belong to no entry/,
  ],
  [
    'a stored entry that lies about its size',
    () => rawZip(listed([{ ...good[0]!, claimedSize: 5 }])),
    'package-tampered',
    /1 != 5/,
  ],
  [
    'a deflated entry that claims more than deflate can do',
    () => rawZip(listed([{ name: 'a', data: 'abcd', method: 8, claimedSize: 2 ** 31 }])),
    'package-invalid',
    /lies about its size/,
  ],
  [
    'a method that is not deflate',
    () => rawZip(listed([{ ...good[0]!, method: 12 }])),
    'package-invalid',
    /stored or deflated/,
  ],
  [
    'a wrong CRC of the manifest',
    () => rawZip([...good, { name: 'manifest.mf', data: foreignManifest(good), crc: 1 }]),
    'package-tampered',
    /manifest\.mf.*damaged/,
  ],
  [
    'a Source twice',
    () => rawZip(manifestOf(foreignManifest([...good, ...good]))),
    'package-invalid',
    /manifest\.mf:\d+.*twice/,
  ],
  [
    'a Source without a hash',
    () => rawZip(manifestOf('metadata:\nSource: a.txt\nAlgorithm: SHA-256\n')),
    'package-invalid',
    /Hash/,
  ],
  [
    'an algorithm that is broken',
    () => rawZip(manifestOf(`metadata:\nSource: a.txt\nAlgorithm: MD5\nHash: ${hash}\n`)),
    'package-invalid',
    /SHA-256 or SHA-512.*MD5/,
  ],
  [
    'a hash of the wrong length',
    () => rawZip(manifestOf('metadata:\nSource: a.txt\nAlgorithm: SHA-512\nHash: abcd\n')),
    'package-invalid',
    /128 hex digits.*4 digits/,
  ],
  [
    'a line that is no pair',
    () => rawZip(manifestOf(`${foreignManifest(good)}nonsense\n`)),
    'package-invalid',
    /key: value/,
  ],
  [
    'a signature that does not end',
    () => rawZip(manifestOf(`${foreignManifest(good)}-----BEGIN CMS-----\nabc\n`)),
    'package-invalid',
    /END CMS/,
  ],
  [
    'text after the signature',
    () => rawZip(manifestOf(`${foreignManifest(good)}-----BEGIN CMS-----\n-----END CMS-----\nSource: x\n`)),
    'package-invalid',
    /nothing vouches/,
  ],
  [
    'a version from the future',
    () =>
      rawZip(
        manifestOf(
          foreignManifest(good).replace(
            'metadata:',
            'metadata:\n  ordeal_package_format: ordeal.vnf-snapshot-package\n  ordeal_package_version: 2',
          ),
        ),
      ),
    'package-invalid',
    /version 1 to 1.*got 2/,
  ],
  [
    'bytes after the end',
    () => Buffer.concat([rawZip(listed(good)), Buffer.from('x')]),
    'package-tampered',
    /directory/,
  ],
  [
    'bytes before the beginning',
    () => Buffer.concat([Buffer.from('PK\u0003\u0004'), rawZip(listed(good))]),
    'package-truncated',
    /archive inside/,
  ],
];

for (const [title, zip, kind, says] of refusals) {
  test(`${title} is refused with one clear message`, async ({ folder }) => {
    const file = join(folder, 'x.zip');
    await writeFile(file, zip());
    const e = await failure(verifyPackage(file));
    expect(e).toBeInstanceOf(OrdealError);
    expect((e as OrdealError).message).toMatch(says);
    expect((e as OrdealError).message).toContain(file);
    expect((e as OrdealError).kind).toBe(kind);
  });
}
