import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OrdealError } from '../../util/errors.js';
import { FileCursor } from './file-cursor.js';
import { pageBytes, RamSection, RamStream, UnknownStream } from './ram-stream.js';
import { saveImageDataBytes } from './save-image.js';

/**
 * A save image taken apart: `ram` is the memory of the guest, page after page at its address, and `rest` is everything
 * else. Two snapshots of one guest then differ in the pages that it wrote in between, and a store keeps the others once;
 * in the save image itself each page lies wherever it was sent.
 */
const MAGIC = 'ORDEALRM';
const VERSION = 1;
const HEADER_BYTES = 24;
const RUN_BYTES = 2 ** 20;
const zeroPage: Buffer = Buffer.alloc(pageBytes);

export interface RamFiles {
  readonly ram: string;
  readonly rest: string;
}

/** @returns false, and leaves no file, when the image is of a kind that is not understood: it is kept whole then */
export async function takeApart(save: string, { ram, rest }: RamFiles): Promise<boolean> {
  const from = await open(save, 'r');
  try {
    const to = await open(ram, 'w', 0o600);
    try {
      const start = await saveImageDataBytes(save);
      const stream = new RamStream(new FileCursor(from, start));
      const setup = await stream.setup();
      const headEnd = stream.cursor.position;
      await to.truncate(setup.sizeBytes);
      const runs = new PageRuns(to);
      await stream.pages(setup, (offset, data) => runs.add(offset, data));
      await runs.flush();
      await writeRest(save, rest, headEnd, stream.cursor.position);
    } finally {
      await to.close();
    }
    return true;
  } catch (e) {
    await Promise.all([ram, rest].map((file) => rm(file, { force: true })));
    if (e instanceof UnknownStream) return false;
    throw e;
  } finally {
    await from.close();
  }
}

/** The save image again: the same memory and the same state, each page once. @throws OrdealError of kind snapshot-corrupt */
export async function putTogether({ ram, rest }: RamFiles, save: string): Promise<void> {
  const [memory, state] = await Promise.all([open(ram, 'r'), open(rest, 'r')]);
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    await state.read(header, 0, HEADER_BYTES, 0);
    if (header.toString('latin1', 0, 8) !== MAGIC || header.readUInt32LE(8) !== VERSION) throw corrupt(rest);
    const headBytes = Number(header.readBigUInt64LE(16));
    const head = createReadStream(rest, { start: HEADER_BYTES, end: HEADER_BYTES + headBytes - 1 });
    await pipeline(head, createWriteStream(save, { mode: 0o600, flags: 'wx' }));
    const setup = await new RamStream(new FileCursor(state, HEADER_BYTES + (await saveImageDataBytes(save)))).setup();
    if ((await memory.stat()).size !== setup.sizeBytes) throw corrupt(ram);
    const append = () => createWriteStream(save, { flags: 'a', highWaterMark: 2 ** 20 });
    await pipeline(Readable.from(records(memory, new RamSection(setup))), append());
    await pipeline(createReadStream(rest, { start: HEADER_BYTES + headBytes }), append());
  } catch (e) {
    throw e instanceof UnknownStream ? corrupt(rest, e) : e;
  } finally {
    await Promise.all([memory.close(), state.close()]);
  }
}

async function* records(memory: FileHandle, section: RamSection): AsyncGenerator<Buffer> {
  yield section.head;
  const cursor = new FileCursor(memory, 0);
  for (let offset = 0; offset < section.setup.sizeBytes; ) {
    const pieces: Buffer[] = [];
    const until = Math.min(section.setup.sizeBytes, offset + RUN_BYTES);
    for (; offset < until; offset += pageBytes) {
      if (cursor.ready < pageBytes) await cursor.fill(pageBytes);
      const page = cursor.take(pageBytes);
      if (page === undefined) throw new UnknownStream('the memory ends before its time');
      const isZero = page.equals(zeroPage);
      pieces.push(section.page(offset, isZero));
      if (!isZero) pieces.push(Buffer.from(page));
    }
    yield Buffer.concat(pieces);
  }
  yield section.foot;
}

/** What is before the pages, with libvirt's header, and what is after them. */
async function writeRest(save: string, rest: string, headEnd: number, tailStart: number): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeBigUInt64LE(BigInt(headEnd), 16);
  await pipeline(Readable.from([header]), createWriteStream(rest, { mode: 0o600 }));
  await pipeline(createReadStream(save, { end: headEnd - 1 }), createWriteStream(rest, { flags: 'a' }));
  await pipeline(createReadStream(save, { start: tailStart }), createWriteStream(rest, { flags: 'a' }));
}

/** Neighbouring pages are written at once; a page of zeros that was never anything else stays a hole. */
class PageRuns {
  #pieces: Buffer[] = [];
  #from = 0;
  #bytes = 0;
  readonly #written = new Set<number>();

  constructor(readonly to: FileHandle) {}

  add(offset: number, data: Buffer | undefined): Promise<void> | undefined {
    if (data === undefined && !this.#written.has(offset)) return undefined;
    if (offset !== this.#from + this.#bytes || this.#bytes >= RUN_BYTES) {
      const before = this.#bytes > 0 ? this.flush() : undefined;
      this.#from = offset;
      this.#keep(offset, data);
      return before;
    }
    this.#keep(offset, data);
    return undefined;
  }

  #keep(offset: number, data = zeroPage): void {
    this.#written.add(offset);
    // The caller reads on into the same memory.
    this.#pieces.push(Buffer.from(data));
    this.#bytes += pageBytes;
  }

  async flush(): Promise<void> {
    const run = Buffer.concat(this.#pieces);
    const from = this.#from;
    this.#pieces = [];
    this.#bytes = 0;
    for (let at = 0; at < run.length; ) {
      at += (await this.to.write(run, at, run.length - at, from + at)).bytesWritten;
    }
  }
}

const corrupt = (where: string, cause?: unknown) =>
  new OrdealError('snapshot-corrupt', 'The memory image cannot be put together', {
    where,
    cause,
    remedy: 'Use another snapshot; this one cannot be restored.',
  });
