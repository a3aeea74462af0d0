import { open } from 'node:fs/promises';
import { sleep } from '../../util/deadline.js';
import { errnoOf } from '../../util/errors.js';

const EVERY_MS = 20;

/**
 * libvirt flushes the memory image to the disk at the end, while the guest stands still. What has been flushed meanwhile
 * needs no time then.
 * @param until settles when there is nothing to be written any more
 */
export async function flushEarly(file: string, until: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = Promise.allSettled([until]).then(() => {
    isOver = true;
  });
  const nextLook = () => Promise.race([sleep(EVERY_MS), over]);
  while (!isOver) {
    const handle = await open(file, 'r').catch((e: unknown) => {
      if (errnoOf(e) === 'ENOENT') return undefined;
      throw e;
    });
    try {
      for (; handle !== undefined && !isOver; await nextLook()) await handle.datasync();
    } finally {
      await handle?.close();
    }
    if (!isOver) await nextLook();
  }
}
