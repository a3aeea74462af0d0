import type { SerialisedError } from '../../util/errors.js';
import { hashBytes, segmentBytes, segmentPages } from './layout.js';

/** Memory that main thread and workers share: so many segments, each with the hashes of its pages and a mark for zero pages. */
export interface SharedSegments {
  readonly data: SharedArrayBuffer;
  readonly hashes: SharedArrayBuffer;
  readonly zeros: SharedArrayBuffer;
}

export interface SegmentViews {
  readonly data: Uint8Array;
  readonly hashes: Uint8Array;
  readonly zeros: Uint8Array;
}

export const segmentViews = ({ data, hashes, zeros }: SharedSegments, n: number): SegmentViews => ({
  data: new Uint8Array(data, n * segmentBytes, segmentBytes),
  hashes: new Uint8Array(hashes, n * segmentPages * hashBytes, segmentPages * hashBytes),
  zeros: new Uint8Array(zeros, n * segmentPages, segmentPages),
});

export const makeSegments = (count: number): SharedSegments => ({
  data: new SharedArrayBuffer(count * segmentBytes),
  hashes: new SharedArrayBuffer(count * segmentPages * hashBytes),
  zeros: new SharedArrayBuffer(count * segmentPages),
});

/** Pages of one block that belong into a segment. */
export interface BlockRead {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly codec: number;
  readonly pages: number;
  /** Triples: first page in the block, first page in the segment, count. */
  readonly copies: readonly number[];
}

interface OnSegment {
  readonly shared: SharedSegments;
  readonly segment: number;
}

export type WorkerTask =
  /** Hashes each page of the segment; marks those that are all zero. */
  | (OnSegment & { readonly task: 'hash'; readonly pages: number })
  /** Fills the segment from blocks and checks each page against the hash that stands in `hashes`. */
  | (OnSegment & { readonly task: 'read'; readonly reader: number; readonly reads: readonly BlockRead[] });

/** `forget`: the reader has ended, what was kept for it can go. Not answered. */
export type WorkerRequest =
  | (WorkerTask & { readonly request: number })
  | { readonly task: 'forget'; readonly reader: number };

export interface WorkerAnswer {
  readonly request: number;
  readonly error?: SerialisedError | { readonly message: string };
}
