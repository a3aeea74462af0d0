import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { putTogether, takeApart } from '../../../harness/vim/libvirt/ram-image.js';

const page = (fill: number) => Buffer.alloc(4096, fill);
const u8 = (n: number) => Buffer.from([n]);
const u32 = (n: number) => {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n);
  return b;
};
const u64 = (n: number) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(n));
  return b;
};
const named = (name: string) => Buffer.concat([u8(name.length), Buffer.from(name)]);
const footer = Buffer.concat([u8(0x7e), u32(3)]);
const end = Buffer.concat([u64(0x10), footer]);
const blocks = { 'pc.ram': 5 * 4096, 'vga.vram': 2 * 4096 };

/** A save image as libvirt and QEMU write it: a header, RAM of two blocks in the parts that are given, and devices. */
function saveImage(...parts: readonly Buffer[]): Buffer {
  const xml = Buffer.from('<domain/>\0');
  const header = Buffer.alloc(92);
  header.write('LibvirtQemudSave', 'latin1');
  header.writeUInt32LE(2, 16);
  header.writeUInt32LE(xml.length, 20);
  const setup = [
    ...[u32(0x5145564d), u32(3), u8(7), u32(7), Buffer.from('pc-i440'), u8(1), u32(3), named('ram'), u32(0), u32(4)],
    ...[u64(7 * 4096 + 4), ...Object.entries(blocks).flatMap(([name, bytes]) => [named(name), u64(bytes)]), end],
  ];
  const ram = parts.flatMap((part, i) => [u8(i === parts.length - 1 ? 3 : 2), u32(3), part, end]);
  return Buffer.concat([header, xml, ...setup, ...ram, Buffer.from('\x04the state of the devices')]);
}

const first = Buffer.concat([
  ...[u64(0 + 8), named('pc.ram'), page(1), u64(4096 + 8 + 0x20), page(2), u64(2 * 4096 + 2 + 0x20), u8(0)],
  ...[u64(3 * 4096 + 8 + 0x20), page(3), u64(4096 + 8), named('vga.vram'), page(9)],
]);

test('the memory of a save image lies at its addresses, the last word of each page counts, and it is put together again', async ({}, info) => {
  const [save, ram, rest, again] = ['a.save', 'a.raw', 'a.rest', 'b.save'].map((f) => info.outputPath(f)) as [
    string,
    string,
    string,
    string,
  ];
  // While it went on it wrote page 1 anew, and cleared page 3.
  const second = Buffer.concat([u64(4096 + 8), named('pc.ram'), page(7), u64(3 * 4096 + 2 + 0x20), u8(0)]);
  await writeFile(save, saveImage(first, second));
  expect(await takeApart(save, { ram, rest })).toBe(true);
  const memory = Buffer.concat([page(1), page(7), page(0), page(0), page(0), page(0), page(9)]);
  expect((await readFile(ram)).equals(memory)).toBe(true);
  expect((await readFile(rest)).length, 'no page is in the rest').toBeLessThan(500);

  await putTogether({ ram, rest }, again);
  const [whole, before] = [await readFile(again), await readFile(save)];
  expect(whole.subarray(0, 150)).toEqual(before.subarray(0, 150));
  expect(whole.toString('latin1').endsWith('\x04the state of the devices')).toBe(true);
  const apart = { ram: info.outputPath('c.raw'), rest: info.outputPath('c.rest') };
  expect(await takeApart(again, apart), 'it is a save image again').toBe(true);
  expect((await readFile(apart.ram)).equals(memory)).toBe(true);
  expect(await readFile(apart.rest)).toEqual(await readFile(rest));
});

const others: Readonly<Record<string, Buffer>> = {
  'with compressed pages': saveImage(Buffer.concat([u64(0x100), named('pc.ram'), u32(10), Buffer.alloc(10)])),
  'with a page of a block that is not listed': saveImage(Buffer.concat([u64(8), named('nobody'), page(1)])),
  'that ends in the middle': saveImage(first).subarray(0, 9000),
  'that is compressed as a whole': Buffer.concat([saveImage(first).subarray(0, 102), Buffer.from('\x1f\x8b gzip')]),
};
for (const [which, bytes] of Object.entries(others)) {
  test(`a save image ${which} is kept as it is`, async ({}, info) => {
    const [save, ram, rest] = ['x.save', 'x.raw', 'x.rest'].map((f) => info.outputPath(f)) as [string, string, string];
    await writeFile(save, bytes);
    expect(await takeApart(save, { ram, rest })).toBe(false);
    expect([existsSync(ram), existsSync(rest)]).toEqual([false, false]);
    expect((await readFile(save)).equals(bytes), 'it is only read').toBe(true);
  });
}

test('memory that is not of its rest is refused by name', async ({}, info) => {
  const [save, ram, rest] = ['y.save', 'y.raw', 'y.rest'].map((f) => info.outputPath(f)) as [string, string, string];
  await writeFile(save, saveImage(first));
  await takeApart(save, { ram, rest });
  await writeFile(ram, page(1));
  await expect(putTogether({ ram, rest }, info.outputPath('z.save'))).rejects.toMatchObject({
    kind: 'snapshot-corrupt',
    message: expect.stringContaining(ram),
  });
  await writeFile(rest, 'something else, long enough to have a header');
  await expect(putTogether({ ram, rest }, info.outputPath('zz.save'))).rejects.toMatchObject({
    kind: 'snapshot-corrupt',
  });
});
