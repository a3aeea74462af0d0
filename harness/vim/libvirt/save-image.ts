import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { classifyIo, OrdealError } from '../../util/errors.js';

/**
 * libvirt's save image: a header of 92 bytes in the order of the host (little endian), the domain's XML, a cookie, and
 * QEMU's migration stream. The format is libvirt's ABI (src/qemu/qemu_saveimage.h).
 */
const HEADER_BYTES = 92;
const MAGIC = 'LibvirtQemudSave';
const VERSION = 2;
/** XML beyond this is not believed. */
const DATA_MAX_BYTES = 16 * 2 ** 20;

interface Header {
  readonly dataBytes: number;
  readonly wasRunning: number;
  readonly compression: number;
  readonly cookieOffset: number;
  readonly raw: Buffer;
}

export interface SaveImage {
  readonly xml: string;
  readonly wasRunning: boolean;
  readonly sizeBytes: number;
}

/** @throws OrdealError of kind snapshot-corrupt */
export async function readSaveImage(file: string): Promise<SaveImage> {
  const { header, data, sizeBytes } = await read(file);
  const end = data.indexOf(0);
  return { xml: data.toString('utf8', 0, end < 0 ? undefined : end), wasRunning: header.wasRunning !== 0, sizeBytes };
}

/** Where QEMU's migration stream begins. @throws OrdealError of kind snapshot-corrupt */
export async function saveImageDataBytes(file: string): Promise<number> {
  return HEADER_BYTES + (await read(file)).header.dataBytes;
}

/** The same memory under another XML: how a clone gets its own name and UUID. The source is only read. */
export async function rewriteSaveImage(from: string, xml: string, to: string): Promise<void> {
  const { header, data } = await read(from);
  const cookie = header.cookieOffset > 0 ? data.subarray(header.cookieOffset) : Buffer.alloc(0);
  const text = Buffer.concat([Buffer.from(xml, 'utf8'), Buffer.alloc(1)]);
  const head = Buffer.from(header.raw);
  head.writeUInt32LE(text.length + cookie.length, 20);
  head.writeUInt32LE(cookie.length > 0 ? text.length : 0, 32);
  try {
    await writeFile(to, Buffer.concat([head, text, cookie]), { flag: 'wx', mode: 0o600 });
    const memory = createReadStream(from, { start: HEADER_BYTES + header.dataBytes, highWaterMark: 1 << 20 });
    await pipeline(memory, createWriteStream(to, { flags: 'a', highWaterMark: 1 << 20 }));
  } catch (e) {
    await rm(to, { force: true });
    throw classifyIo(e, to);
  }
}

async function read(file: string): Promise<{ header: Header; data: Buffer; sizeBytes: number }> {
  const handle = await open(file, 'r');
  try {
    const raw = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await handle.read(raw, 0, HEADER_BYTES, 0);
    const magic = raw.toString('latin1', 0, MAGIC.length);
    if (bytesRead < HEADER_BYTES || magic !== MAGIC) throw corrupt(file, MAGIC, JSON.stringify(magic));
    const version = raw.readUInt32LE(16);
    if (version !== VERSION) throw corrupt(file, `version ${VERSION}`, `version ${version}`);
    const header: Header = {
      dataBytes: raw.readUInt32LE(20),
      wasRunning: raw.readUInt32LE(24),
      compression: raw.readUInt32LE(28),
      cookieOffset: raw.readUInt32LE(32),
      raw,
    };
    if (header.dataBytes > DATA_MAX_BYTES || header.cookieOffset > header.dataBytes) {
      throw corrupt(file, `at most ${DATA_MAX_BYTES} bytes of XML`, `${header.dataBytes}`);
    }
    const data = Buffer.alloc(header.dataBytes);
    const got = await handle.read(data, 0, data.length, HEADER_BYTES);
    if (got.bytesRead < data.length) throw corrupt(file, `${data.length} bytes of XML`, `${got.bytesRead}`);
    return { header, data, sizeBytes: (await handle.stat()).size };
  } finally {
    await handle.close();
  }
}

const corrupt = (where: string, expected: string, got: string) =>
  new OrdealError('snapshot-corrupt', 'The memory image is not what libvirt writes', {
    where,
    expected,
    got,
    remedy: 'Use another snapshot; this one cannot be restored.',
  });
