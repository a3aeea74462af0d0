import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { classifyIo, errnoOf, OrdealError } from '../../../util/errors.js';
import { collectGarbage } from './rooms.js';
import type { ImageToLoad, ImageToWrite, StoreReply, StoreRequest, StoreResults, StoreTask } from './store-protocol.js';

const port = parentPort;
if (port === null) throw new Error('store-thread is the entry of a worker thread');

const chunkBytes = 1 << 20;
const zeros = Buffer.alloc(chunkBytes);
const isZero = (chunk: Buffer): boolean =>
  chunk.equals(chunk.length === chunkBytes ? zeros : zeros.subarray(0, chunk.length));

const tasks: { [K in StoreTask['what']]: (task: Extract<StoreTask, { what: K }>) => StoreResults[K] } = {
  reserve: ({ sizes }) =>
    sizes.map((size) => {
      const room = new SharedArrayBuffer(size);
      const bytes = new Uint8Array(room);
      for (let at = 0; at < size; at += 4096) bytes[at] = 0;
      return room;
    }),
  collect() {
    collectGarbage();
    return undefined;
  },
  write({ folder, files }) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    let bytesStored = 0;
    const sha256 = files.map((file) => {
      const { digest, bytes } = writeImage(join(folder, file.name), file);
      bytesStored += bytes;
      return digest;
    });
    const handle = openSync(folder, 'r');
    fsyncSync(handle);
    closeSync(handle);
    return { sha256, bytesStored };
  },
  load: ({ images, force }) => images.flatMap((image) => loadImage(image, force)),
};

/** Chunks of zeros become holes. */
function writeImage(path: string, { from, sizeBytes }: ImageToWrite): { digest: string; bytes: number } {
  const source =
    from instanceof SharedArrayBuffer ? Buffer.from(from) : Buffer.from(from.buffer, from.byteOffset, from.length);
  const hash = createHash('sha256');
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      for (let at = 0; at < sizeBytes; at += chunkBytes) {
        const chunk = source.subarray(at, Math.min(at + chunkBytes, sizeBytes));
        hash.update(chunk);
        for (let done = 0; !isZero(chunk) && done < chunk.length; ) {
          done += writeSync(file, chunk, done, chunk.length - done, at + done);
        }
      }
      ftruncateSync(file, sizeBytes);
      fsyncSync(file);
      return { digest: hash.digest('hex'), bytes: fstatSync(file).blocks * 512 };
    } finally {
      closeSync(file);
    }
  } catch (e) {
    throw classifyIo(e, path);
  }
}

/** @returns the name when the checksum is wrong and force lets it pass */
function loadImage({ file, sizeBytes, sha256, into }: ImageToLoad, force: boolean): string[] {
  const corrupt = (expected: string, got: string): OrdealError =>
    new OrdealError('snapshot-corrupt', 'The image of a snapshot is damaged', {
      where: file,
      expected,
      got,
      remedy:
        'Nothing was changed. Take another snapshot, or revert with force if a damaged state is better than none.',
    });
  const target = Buffer.from(into);
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(chunkBytes);
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (e) {
    throw errnoOf(e) === 'ENOENT' ? corrupt('the file', 'none') : classifyIo(e, file);
  }
  try {
    const { size } = fstatSync(handle);
    // What is missing cannot be forced.
    if (size !== sizeBytes) throw corrupt(`${sizeBytes} bytes`, `${size}`);
    for (let at = 0; at < sizeBytes; ) {
      const length = readSync(handle, chunk, 0, Math.min(chunkBytes, sizeBytes - at), at);
      if (length === 0) throw corrupt(`${sizeBytes} bytes`, `${at}`);
      const part = chunk.subarray(0, length);
      hash.update(part);
      const there = target.subarray(at, at + length);
      // Pages that hold zeros already are not touched, so that a sparse memory stays sparse.
      if (!isZero(part)) part.copy(there);
      else if (!isZero(there)) there.fill(0);
      at += length;
    }
  } finally {
    closeSync(handle);
  }
  const got = hash.digest('hex');
  if (got === sha256) return [];
  if (!force) throw corrupt(`SHA-256 ${sha256}`, got);
  return [file];
}

port.on('message', ({ id, task }: StoreRequest) => {
  let reply: StoreReply;
  try {
    const run = tasks[task.what] as (task: StoreTask) => unknown;
    reply = { id, value: run(task) };
  } catch (e) {
    const error =
      e instanceof OrdealError ? e : new OrdealError('vim-failed', 'The snapshot store failed', { cause: e });
    reply = { id, error: error.toJSON() };
  }
  port.postMessage(reply);
});
