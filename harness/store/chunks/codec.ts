import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { OrdealError } from '../../util/errors.js';

/** How a block is written in a pack; the numbers are part of the file format. */
export const codecs = { raw: 0, zstd: 1, deflate: 2, snappy: 3 } as const;
export type Codec = (typeof codecs)[keyof typeof codecs];

interface Snappy {
  compressSync(data: Buffer, options: object): Buffer;
  uncompressSync(data: Buffer, options: object): Buffer;
}

/** Buffers outside of what the garbage collector counts would pile up: 200 MiB of them, while 180 MiB are read. */
const counted = { copyOutputData: true };

/**
 * Of memory images, zstd at its first level stores 14 % less than Snappy, takes twice as long to pack and more than twice
 * as long to unpack them. How much a store holds is decided by how few pages of an image are new; how long a restoration
 * takes is how long a service is down.
 */
function findSnappy(): Snappy | undefined {
  try {
    return createRequire(import.meta.url)('snappy');
  } catch {
    // There is no binary for this platform: blocks are deflated.
    return undefined;
  }
}

let found: { readonly snappy: Snappy | undefined } | undefined;
const snappy = (): Snappy | undefined => {
  found ??= { snappy: findSnappy() };
  return found.snappy;
};

/** @returns the smaller of the compressed and the plain block */
export function compressBlock(block: Buffer): { codec: Codec; data: Buffer } {
  const best = snappy();
  const data = best === undefined ? zlib.deflateRawSync(block, { level: 1 }) : best.compressSync(block, counted);
  if (data.length >= block.length) return { codec: codecs.raw, data: block };
  return { codec: best === undefined ? codecs.deflate : codecs.snappy, data };
}

/** @throws OrdealError of kind capability-missing where the codec cannot be read; any other error means that data is damaged */
export function decompressBlock(codec: number, data: Buffer, maxBytes: number): Buffer {
  if (codec === codecs.raw) return data;
  if (codec === codecs.deflate) return zlib.inflateRawSync(data, { maxOutputLength: maxBytes });
  if (codec === codecs.snappy) return uncompressSnappy(data, maxBytes);
  if (codec === codecs.zstd) return decompressZstd(data, maxBytes);
  throw new Error(`codec ${codec} is unknown`);
}

function uncompressSnappy(data: Buffer, maxBytes: number): Buffer {
  const it = snappy();
  if (it === undefined) {
    throw new OrdealError('capability-missing', 'This platform cannot read Snappy', {
      remedy: 'Install the optional dependency of the package "snappy" for this platform.',
    });
  }
  const claimed = snappyLength(data);
  if (claimed > maxBytes) throw new Error(`a block claims ${claimed} bytes`);
  return it.uncompressSync(data, counted);
}

/** The varint that a block begins with (github.com/google/snappy, format_description.txt, 1): so much is allocated for it. */
function snappyLength(data: Buffer): number {
  let length = 0;
  for (let n = 0; n < 5; n++) {
    const byte = data[n] ?? 0;
    length += (byte & 127) * 128 ** n;
    if (byte < 128) return length;
  }
  return Number.POSITIVE_INFINITY;
}

/** What is in stores that were begun before blocks were written in Snappy. */
function decompressZstd(data: Buffer, maxBytes: number): Buffer {
  const decompress: unknown = Reflect.get(zlib, 'zstdDecompressSync');
  if (typeof decompress === 'function') return decompress(data, { maxOutputLength: maxBytes });
  throw new OrdealError('capability-missing', 'The chunk store was written by an earlier version of Ordeal, in zstd', {
    remedy: 'Use Node.js 22.15 or later to read it.',
  });
}
