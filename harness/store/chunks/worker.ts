import * as crypto from 'node:crypto';
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { asError, classifyIo, OrdealError } from '../../util/errors.js';
import { BlockReader, readFully } from './block-reader.js';
import { compressBlock } from './codec.js';
import { blockBytes, hashBytes, pageBytes, segmentBytes, segmentPages } from './layout.js';
import { blockEntryBytes } from './pack-file.js';
import {
  batchViews,
  type SegmentPlan,
  type SegmentViews,
  segmentViews,
  type WorkerAnswer,
  type WorkerRequest,
  type WorkerTask,
} from './worker-protocol.js';

const zeroPage = Buffer.alloc(pageBytes);
/** A hole that is smaller is written: a call costs more than it would save. */
const worthAHole = 16;

const jobs = new Map<number, BlockReader>();

function jobOf(number: number): BlockReader {
  const known = jobs.get(number);
  if (known !== undefined) return known;
  const job = new BlockReader();
  jobs.set(number, job);
  return job;
}

function hash(task: WorkerTask & { task: 'hash' }): void {
  const views = segmentViews(task.memory);
  if (task.from !== undefined) {
    const { path, offset } = task.from;
    try {
      readFully(jobOf(task.job).file(path, 'r'), views.data.subarray(0, task.bytes), offset);
    } catch (e) {
      throw classifyIo(e, path);
    }
  }
  const pages = Math.ceil(task.bytes / pageBytes);
  views.data.fill(0, task.bytes, pages * pageBytes);
  hashPages(views, pages);
}

function hashPages({ data, hashes, zeros }: SegmentViews, pages: number): void {
  for (let n = 0; n < pages; n++) {
    const page = data.subarray(n * pageBytes, (n + 1) * pageBytes);
    const isZero = page[0] === 0 && page[pageBytes - 1] === 0 && zeroPage.equals(page);
    zeros[n] = isZero ? 1 : 0;
    if (!isZero) hashes.set(crypto.hash('sha256', page, 'buffer'), n * hashBytes);
  }
}

function pack({ memory, pages }: WorkerTask & { task: 'pack' }): void {
  const { data, packed, entries } = batchViews(memory);
  const all = Buffer.from(data.buffer, data.byteOffset, pages * pageBytes);
  let at = 0;
  for (let n = 0; n * blockBytes < all.length; n++) {
    const block = compressBlock(all.subarray(n * blockBytes, (n + 1) * blockBytes));
    packed.set(block.data, at);
    at += block.data.length;
    const entry = Buffer.from(entries.buffer, entries.byteOffset + n * blockEntryBytes, blockEntryBytes);
    entry.writeUInt8(block.codec, 0);
    entry.writeUInt32LE(block.data.length, 1);
    crypto.hash('sha256', block.data, 'buffer').copy(entry, 5);
  }
}

function fill({ memory, job, plan, deep }: WorkerTask & { task: 'fill' }): void {
  const { data, hashes, zeros } = segmentViews(memory);
  zeros.fill(0);
  jobOf(job).fill(plan, data, zeros, deep ? hashes : undefined);
  for (let n = 0; n < plan.pages; n++) if (zeros[n] === 0) data.fill(0, n * pageBytes, (n + 1) * pageBytes);
}

function restore({ job, target, plans }: WorkerTask & { task: 'restore' }): void {
  const reader = jobOf(job);
  const data = new Uint8Array(segmentBytes);
  const covered = new Uint8Array(segmentPages);
  for (const plan of plans) {
    covered.fill(0);
    reader.fill(plan, data, covered);
    try {
      writeCovered(reader.file(target, 'r+'), plan, data, covered);
    } catch (e) {
      throw classifyIo(e, target);
    }
  }
}

/** What is covered, and the small gaps between, which are zero. */
function writeCovered(file: number, plan: SegmentPlan, data: Uint8Array, covered: Uint8Array): void {
  for (let from = 0; from < plan.pages; ) {
    if (covered[from] === 0) {
      from++;
      continue;
    }
    let to = from + 1;
    for (let gap = 0; to + gap < plan.pages && gap < worthAHole; ) {
      if (covered[to + gap] === 0) {
        gap++;
        continue;
      }
      data.fill(0, to * pageBytes, (to + gap) * pageBytes);
      to += gap + 1;
      gap = 0;
    }
    const end = Math.min(to * pageBytes, plan.bytes);
    for (let at = from * pageBytes; at < end; ) at += writeSync(file, data, at, end - at, plan.offset + at);
    from = to;
  }
}

function answer(request: WorkerTask & { request: number }): WorkerAnswer {
  try {
    if (request.task === 'hash') hash(request);
    else if (request.task === 'pack') pack(request);
    else if (request.task === 'fill') fill(request);
    else restore(request);
    return { request: request.request };
  } catch (e) {
    const error = asError(e);
    return {
      request: request.request,
      error: error instanceof OrdealError ? error.toJSON() : { message: error.message },
    };
  }
}

parentPort?.on('message', (request: WorkerRequest) => {
  if (request.task !== 'forget') {
    parentPort?.postMessage(answer(request));
    return;
  }
  jobs.get(request.job)?.close();
  jobs.delete(request.job);
});
