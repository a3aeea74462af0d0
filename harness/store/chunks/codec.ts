import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { OrdealError } from '../../util/errors.js';

/** How a block is written in a pack; the numbers are part of the file format. */
export const codecs = { raw: 0, zstd: 1, deflate: 2 } as const;
export type Codec = (typeof codecs)[keyof typeof codecs];

interface Zstd {
  compress(data: Buffer): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

/**
 * Of memory images, level 3 of zstd stores 2 % less and takes a quarter longer. What a store holds is decided by how few
 * pages of an image are new.
 */
const level = 1;

const deflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);
const inflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

/** That of Node.js where it has one (22.15 and later), else a binary that comes through npm; both write one format. */
function findZstd(): Zstd | undefined {
  const compress: unknown = Reflect.get(zlib, 'zstdCompress');
  const decompress: unknown = Reflect.get(zlib, 'zstdDecompress');
  if (typeof compress === 'function' && typeof decompress === 'function') {
    const call = (work: typeof compress, options: object) => (data: Buffer) =>
      new Promise<Buffer>((resolve, reject) => {
        work(data, options, (e: Error | null, result: Buffer) => (e === null ? resolve(result) : reject(e)));
      });
    const levelParameter: unknown = Reflect.get(zlib.constants, 'ZSTD_c_compressionLevel');
    return {
      compress: call(compress, { params: { [Number(levelParameter)]: level } }),
      decompress: call(decompress, {}),
    };
  }
  try {
    // Its index.js does not pass the level on (1.2.2).
    const addon: { compress(d: Buffer, level: number): Promise<Buffer>; decompress(d: Buffer): Promise<Buffer> } =
      createRequire(import.meta.url)('@mongodb-js/zstd/bindings.js');
    return { compress: (data) => addon.compress(data, level), decompress: (data) => addon.decompress(data) };
  } catch {
    // There is no binary for this platform: blocks are deflated.
    return undefined;
  }
}

let found: { readonly zstd: Zstd | undefined } | undefined;
const zstd = (): Zstd | undefined => {
  found ??= { zstd: findZstd() };
  return found.zstd;
};

/** @returns the smaller of the compressed and the plain block */
export async function compressBlock(block: Buffer): Promise<{ codec: Codec; data: Buffer }> {
  const best = zstd();
  const data = best === undefined ? await deflate(block, { level }) : await best.compress(block);
  if (data.length >= block.length) return { codec: codecs.raw, data: block };
  return { codec: best === undefined ? codecs.deflate : codecs.zstd, data };
}

/** @throws OrdealError of kind capability-missing where zstd cannot be read; any other error means that data is damaged */
export async function decompressBlock(codec: number, data: Buffer, maxBytes: number): Promise<Buffer> {
  if (codec === codecs.raw) return data;
  if (codec === codecs.deflate) return inflate(data, { maxOutputLength: maxBytes });
  if (codec !== codecs.zstd) throw new Error(`codec ${codec} is unknown`);
  const it = zstd();
  if (it === undefined) {
    throw new OrdealError('capability-missing', 'This platform cannot read zstd', {
      remedy: 'Use Node.js 22.15 or later.',
    });
  }
  return it.decompress(data);
}
