import type { SerialisedError } from '../../../util/errors.js';

/** What the host asks of its store thread, which alone moves images, so that the service goes on meanwhile. */
export type StoreTask =
  /** Makes room and touches it, so that the copy that a VNFC waits for does not fault pages in. */
  | { readonly what: 'reserve'; readonly sizes: readonly number[] }
  | { readonly what: 'collect' }
  | { readonly what: 'write'; readonly folder: string; readonly files: readonly ImageToWrite[] }
  | { readonly what: 'load'; readonly images: readonly ImageToLoad[]; readonly force: boolean };

export interface ImageToWrite {
  readonly name: string;
  readonly from: SharedArrayBuffer | Uint8Array;
  readonly sizeBytes: number;
}

export interface ImageToLoad {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly into: SharedArrayBuffer;
}

export interface StoreResults {
  reserve: readonly SharedArrayBuffer[];
  collect: undefined;
  write: { readonly sha256: readonly string[]; readonly bytesStored: number };
  /** Names of the files whose checksum was wrong; empty unless forced. */
  load: readonly string[];
}

export interface StoreRequest {
  readonly id: number;
  readonly task: StoreTask;
}

export type StoreReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SerialisedError };
