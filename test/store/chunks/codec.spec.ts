import * as zlib from 'node:zlib';
import { expect, test } from '@playwright/test';
import { codecs, compressBlock, decompressBlock } from '../../../harness/store/chunks/codec.js';
import { memoryImage } from './images.js';

const blockBytes = 128 * 1024;
const text = Buffer.alloc(blockBytes, 'session subscriber bearer ');

test('a block comes out as it went in, and one that does not compress is kept as it is', () => {
  const mixed = memoryImage(blockBytes, 7);
  const noise = Buffer.concat(
    Array.from({ length: 200 }, (_, seed) => memoryImage(4096, seed)).filter(
      (page) => zlib.gzipSync(page).length > 4000,
    ),
  );
  expect(noise.length).toBeGreaterThan(0);
  for (const block of [text, mixed, noise]) {
    const { codec, data } = compressBlock(block);
    expect(codec).toBe(block === noise ? codecs.raw : codecs.snappy);
    expect(data.length).toBeLessThanOrEqual(block.length);
    expect(decompressBlock(codec, data, blockBytes).equals(block)).toBe(true);
  }
});

test('a block that was deflated, where no other codec was at hand, is read', () => {
  const data = zlib.deflateRawSync(text, { level: 1 });
  expect(decompressBlock(codecs.deflate, data, blockBytes).equals(text)).toBe(true);
  expect(() => decompressBlock(codecs.deflate, data, blockBytes - 1)).toThrow();
});

test('a block of a store that was begun in zstd is read where Node.js can, and else the remedy is told', () => {
  const frame = zstdFrame(text.subarray(0, 4096));
  const canRead = Reflect.get(zlib, 'zstdDecompressSync') !== undefined;
  if (canRead) expect(decompressBlock(codecs.zstd, frame, blockBytes).equals(text.subarray(0, 4096))).toBe(true);
  else {
    expect(() => decompressBlock(codecs.zstd, frame, blockBytes)).toThrow(/earlier version.*Node\.js 22\.15/s);
  }
});

test('damage is told: a block that claims too much, one that is cut off, one that is no block, an unknown codec', () => {
  const { data } = compressBlock(text);
  // The length stands in front, in seven bits a byte.
  const claims = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), data.subarray(3)]);
  expect(() => decompressBlock(codecs.snappy, claims, blockBytes)).toThrow('claims 4294967295 bytes');
  expect(() => decompressBlock(codecs.snappy, Buffer.alloc(9, 0xff), blockBytes)).toThrow('claims');
  expect(() => decompressBlock(codecs.snappy, data.subarray(0, 40), blockBytes)).toThrow();
  expect(() => decompressBlock(codecs.snappy, Buffer.alloc(0), blockBytes)).toThrow();
  expect(() => decompressBlock(9, data, blockBytes)).toThrow('codec 9 is unknown');
});

/** One raw block of 256 to 65,791 bytes (RFC 8878, 3.1.1: single segment, content size in two bytes, less 256). */
function zstdFrame(data: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x60, 0, 0, 0, 0, 0]);
  head.writeUInt16LE(data.length - 256, 5);
  head.writeUIntLE(data.length * 8 + 1, 7, 3);
  return Buffer.concat([head, data]);
}
