/**
 * The unit of deduplication: a memory page. Memory and disks do not shift, they change in place and by the page. Measured
 * on memory images of 256 MiB with 5 % dirty pages (test/bench/store.ts): each further image adds 4.7 MiB in pages, 66 MiB
 * in content-defined chunks of 64 KiB (casync), 89 MiB in those of 1 MiB (restic), which is all of it.
 */
export const pageBytes = 4096;
/** The unit of compression: pages that were new at the same time. Larger ones compress no better (0.351 at 128 KiB, 0.348 at 1 MiB). */
export const blockPages = 32;
export const blockBytes = pageBytes * blockPages;
/** The unit of work that is handed to a worker thread. */
export const segmentPages = 256;
export const segmentBytes = pageBytes * segmentPages;
export const segmentBlocks = segmentPages / blockPages;
/** SHA-256: an image may hold what an attacker has put into memory, so the address must resist collisions. */
export const hashBytes = 32;
/** A pack is closed when it has this many pages (64 MiB), so that garbage collection rewrites a little at a time. */
export const packPages = 64 * segmentPages;
