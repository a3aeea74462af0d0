import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { readSaveImage, rewriteSaveImage } from '../../../harness/vim/libvirt/save-image.js';

/** As libvirt writes it: 92 bytes of header, XML, cookie, migration stream. */
function image(xml: string, cookie: string, stream: Buffer): Buffer {
  const text = Buffer.from(`${xml}\0`);
  const header = Buffer.alloc(92);
  header.write('LibvirtQemudSave', 'latin1');
  header.writeUInt32LE(2, 16);
  header.writeUInt32LE(text.length + cookie.length, 20);
  header.writeUInt32LE(1, 24);
  header.writeUInt32LE(cookie === '' ? 0 : text.length, 32);
  return Buffer.concat([header, text, Buffer.from(cookie), stream]);
}

for (const cookie of ['', '<cookie/>\0']) {
  test(`a clone gets its own XML and the same memory (${cookie === '' ? 'no' : 'a'} cookie)`, async ({}, info) => {
    const [from, to] = [info.outputPath('from.save'), info.outputPath('to.save')];
    const stream = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    await writeFile(from, image('<domain>one</domain>', cookie, stream));
    await rewriteSaveImage(from, '<domain>another, and longer</domain>', to);
    expect(await readSaveImage(to)).toMatchObject({ xml: '<domain>another, and longer</domain>', wasRunning: true });
    expect(await readFile(to)).toEqual(image('<domain>another, and longer</domain>', cookie, stream));
    expect(await readSaveImage(from), 'the source is only read').toMatchObject({ xml: '<domain>one</domain>' });
  });
}

test('what libvirt did not write, or not to its end, is refused by name', async ({}, info) => {
  const file = info.outputPath('bad.save');
  const good = image('<domain/>', '', Buffer.alloc(10));
  const huge = Buffer.from(good);
  huge.writeUInt32LE(0x7fff_ffff, 20);
  const newer = Buffer.from(good);
  newer.writeUInt32LE(3, 16);
  const partial = Buffer.from(good);
  partial.write('LibvirtQemudPart', 'latin1');
  for (const bytes of [good.subarray(0, 50), good.subarray(0, 95), huge, newer, partial]) {
    await writeFile(file, bytes);
    await expect(readSaveImage(file)).rejects.toMatchObject({ kind: 'snapshot-corrupt' });
  }
});
