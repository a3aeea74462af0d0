import type { SerialisedError } from '../../util/errors.js';
import { hashBytes, segmentBlocks, segmentBytes, segmentPages } from './layout.js';
import { blockEntryBytes } from './pack-file.js';

/** A segment of an image on its way: its pages, their hashes, and a mark for each page that is all zero. */
export interface SegmentViews {
  readonly data: Uint8Array;
  readonly hashes: Uint8Array;
  /** The same, eight words a page. */
  readonly hashWords: Int32Array;
  readonly zeros: Uint8Array;
}
/** New pages on their way into a pack: as they come, as they are written, and what the pack's index says of each block. */
export interface BatchViews {
  readonly data: Uint8Array;
  readonly packed: Uint8Array;
  readonly entries: Uint8Array;
}

export const segmentMemory = segmentBytes + segmentPages * hashBytes + segmentPages;
export const batchMemory = 2 * segmentBytes + segmentBlocks * blockEntryBytes;

export function segmentViews(memory: SharedArrayBuffer): SegmentViews {
  return {
    data: new Uint8Array(memory, 0, segmentBytes),
    hashes: new Uint8Array(memory, segmentBytes, segmentPages * hashBytes),
    hashWords: new Int32Array(memory, segmentBytes, (segmentPages * hashBytes) / 4),
    zeros: new Uint8Array(memory, segmentBytes + segmentPages * hashBytes, segmentPages),
  };
}

export function batchViews(memory: SharedArrayBuffer): BatchViews {
  return {
    data: new Uint8Array(memory, 0, segmentBytes),
    packed: new Uint8Array(memory, segmentBytes, segmentBytes),
    entries: new Uint8Array(memory, 2 * segmentBytes, segmentBlocks * blockEntryBytes),
  };
}

/** Pages of one block that belong into a segment. */
export interface BlockRead {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly codec: number;
  /** SHA-256 of the block as it lies in the pack. */
  readonly checksum: Uint8Array;
  readonly pages: number;
  /** Triples: first page in the block, first page in the segment, count. */
  readonly copies: readonly number[];
}

/** A segment and what is read into it; pages that no read covers are zero. */
export interface SegmentPlan {
  /** Of the segment in the image. */
  readonly offset: number;
  /** The last segment of an image may end within a page. */
  readonly bytes: number;
  readonly pages: number;
  readonly reads: readonly BlockRead[];
}

interface InMemory {
  readonly memory: SharedArrayBuffer;
}

/** What a thread keeps open and in memory belongs to a job, and goes with it. */
interface OfJob {
  readonly job: number;
}

export type WorkerTask =
  /** Hashes each page of the segment, which lies there already or is read from a file first. */
  | (InMemory &
      OfJob & {
        readonly task: 'hash';
        readonly bytes: number;
        readonly from?: { readonly path: string; readonly offset: number };
      })
  /** Packs the pages of a batch into blocks. */
  | (InMemory & { readonly task: 'pack'; readonly pages: number })
  /** Fills the segment. `deep`: checks each page against the hash that stands in `hashes`, too. */
  | (InMemory & OfJob & { readonly task: 'fill'; readonly plan: SegmentPlan; readonly deep: boolean })
  /** Writes segments into a file that is there, and leaves holes where they are zero. */
  | (OfJob & { readonly task: 'restore'; readonly target: string; readonly plans: readonly SegmentPlan[] });

/** `forget`: the job has ended. Not answered. */
export type WorkerRequest = (WorkerTask & { readonly request: number }) | (OfJob & { readonly task: 'forget' });

export interface WorkerAnswer {
  readonly request: number;
  readonly error?: SerialisedError | { readonly message: string };
}
