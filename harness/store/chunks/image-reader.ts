import { segmentBytes } from './layout.js';
import type { Recipe } from './recipe.js';
import { type ByteRange, type PlannedSegment, SegmentPlanner } from './segment-planner.js';
import { SharedPieces, succeeded, type WorkerPool } from './worker-pool.js';
import { type SegmentPlan, type SegmentViews, segmentMemory, segmentViews } from './worker-protocol.js';

interface Reading {
  readonly segment: number;
  readonly plan: SegmentPlan;
  readonly filled: Promise<Error | undefined>;
}

/** A segment of the image. Its memory is the reader's: it is valid until the next one is asked for. */
export interface SegmentOfImage {
  readonly offset: number;
  readonly data: Uint8Array;
}

/**
 * Reads an image back, a few segments ahead. Every block is checked as it lies in its pack, and the hashes of all pages
 * against the image's root. `deep`: every page is hashed again, too. Of a range, the segments that it touches are read
 * whole, and there is no root to check.
 */
export async function* readImage(
  folder: string,
  pool: WorkerPool,
  recipe: Recipe,
  { deep = false, range }: { deep?: boolean; range?: ByteRange } = {},
): AsyncGenerator<SegmentOfImage> {
  const touched = range === undefined ? recipe.sizeBytes : range.to - range.from + segmentBytes;
  const ahead = Math.min(2 * pool.size + 1, Math.ceil(touched / segmentBytes) + 1);
  const segments = new SharedPieces<SegmentViews>(pool, ahead, segmentMemory, segmentViews);
  const job = pool.beginJob();
  const queue: Reading[] = [];
  const begin = async ({ hashes, ...plan }: PlannedSegment) => {
    const segment = await segments.borrow();
    segments.views(segment).hashes.set(hashes);
    queue.push({ segment, plan, filled: pool.run({ task: 'fill', ...segments.at(segment), job, plan, deep }) });
  };
  async function* finish(): AsyncGenerator<SegmentOfImage> {
    const reading = queue.shift();
    if (reading === undefined) return;
    await succeeded(reading.filled);
    const { offset, bytes } = reading.plan;
    yield { offset, data: segments.views(reading.segment).data.subarray(0, bytes) };
    segments.giveBack(reading.segment);
  }
  try {
    for await (const planned of new SegmentPlanner(folder, recipe, range).segments()) {
      await begin(planned);
      if (queue.length === segments.count) yield* finish();
    }
    while (queue.length > 0) yield* finish();
  } finally {
    await Promise.all(queue.map((r) => r.filled));
    pool.endJob(job);
    segments[Symbol.dispose]();
  }
}
