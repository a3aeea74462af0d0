import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../../util/atomic-file.js';
import { classifyIo } from '../../util/errors.js';
import { segmentBytes } from './layout.js';
import type { Recipe } from './recipe.js';
import { SegmentPlanner } from './segment-planner.js';
import { succeeded, type WorkerPool } from './worker-pool.js';
import type { SegmentPlan } from './worker-protocol.js';

/** Neighbouring segments share blocks, so that a thread gets several at once, but not so many that others have none. */
const mostSegments = 8;

/**
 * Writes the image into a file, sparse where it is zero; the name shows the whole image or what was there before.
 * @param durable false: the file has not reached the disk when this returns. After a power cut it may be damaged.
 */
export async function restoreImage(
  folder: string,
  pool: WorkerPool,
  recipe: Recipe,
  path: string,
  durable: boolean,
): Promise<void> {
  const temporary = join(dirname(path), `.${recipe.root.slice(0, 16)}.${process.pid}.restoring`);
  const job = pool.beginJob();
  pool.warmUp(Math.ceil(recipe.sizeBytes / segmentBytes));
  const writing = new Set<Promise<Error | undefined>>();
  let failure: Error | undefined;
  const share = Math.ceil(recipe.sizeBytes / segmentBytes / pool.size / 4);
  const segments = Math.max(1, Math.min(mostSegments, share));
  let plans: SegmentPlan[] = [];
  const handOver = async () => {
    const work = pool.run({ task: 'restore', job, target: temporary, plans });
    plans = [];
    writing.add(work);
    void work.then((e) => {
      failure ??= e;
      writing.delete(work);
    });
    if (writing.size >= 2 * pool.size) await Promise.race(writing);
    if (failure !== undefined) throw failure;
  };
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.truncate(recipe.sizeBytes);
      for await (const { hashes: _, ...plan } of new SegmentPlanner(folder, recipe).segments()) {
        if (plan.reads.length === 0) continue;
        plans.push(plan);
        if (plans.length === segments) await handOver();
      }
      if (plans.length > 0) await handOver();
      for (const work of [...writing]) await succeeded(work);
      if (failure !== undefined) throw failure;
      if (durable) await file.sync();
    } finally {
      await Promise.all(writing);
      pool.endJob(job);
      await file.close();
    }
    await rename(temporary, path);
    if (durable) await syncFolder(dirname(path));
  } catch (e) {
    await rm(temporary, { force: true });
    throw classifyIo(e, path);
  }
}
