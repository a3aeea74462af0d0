import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { classifyIo, errnoOf } from '../util/errors.js';

/** Enough to open and settle the journal and the repository, and for the samples and the record of a recovery. */
const reserveBytes = 4 * 1024 * 1024;
/** With less than this, a database does not even open: its shared index alone takes 32 KiB. */
const fullBytes = 512 * 1024;

/**
 * Room that is kept for the end. On a disk that became full while a run was on, it is released, so that what is open
 * can still be settled.
 */
export class Reserve {
  constructor(readonly file: string) {}

  /** Idempotent. @throws OrdealError of kind no-space: then nothing may be begun that could not be ended */
  keep(): void {
    if (this.#bytes() >= reserveBytes) return;
    const temporary = `${this.file}.${process.pid}.tmp`;
    try {
      const fd = openSync(temporary, 'w', 0o600);
      try {
        // Random, as a file system may keep zeros, or what compresses well, without keeping room for it.
        const block = randomFillSync(Buffer.alloc(256 * 1024));
        for (let written = 0; written < reserveBytes; ) written += writeSync(fd, block);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.file);
    } catch (e) {
      rmSync(temporary, { force: true });
      throw classifyIo(e, this.file);
    }
  }

  /** @returns false when there was nothing to release */
  release(): boolean {
    const had = this.#bytes() > 0;
    rmSync(this.file, { force: true });
    return had;
  }

  /** Releases it when the disk is as good as full. */
  releaseIfFull(): void {
    const { bavail, bsize } = statfsSync(dirname(this.file));
    if (bavail * bsize < fullBytes) this.release();
  }

  #bytes(): number {
    try {
      return statSync(this.file).size;
    } catch (e) {
      if (errnoOf(e) === 'ENOENT') return 0;
      throw e;
    }
  }
}
