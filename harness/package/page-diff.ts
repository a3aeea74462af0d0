/** Compares two images page by page, as streams. */

export const pageBytes = 4096;
const blockBytes = 256 * pageBytes;

export interface PageDifference {
  readonly pageBytes: number;
  /** Of the longer image. */
  readonly total: number;
  readonly differ: number;
  /** Runs of pages that differ: [first, count], in order. The last ones are left out when there are too many. */
  readonly runs: readonly (readonly [first: number, count: number])[];
  readonly runsLeftOut: number;
}

/** @param mostRuns of the answer, not of the count. A page that only one image has differs. */
export async function comparePages(
  a: AsyncIterable<Buffer>,
  b: AsyncIterable<Buffer>,
  mostRuns = 1000,
): Promise<PageDifference> {
  const runs: [number, number][] = [];
  let runsLeftOut = 0;
  let differ = 0;
  let page = 0;
  let last: [number, number] | undefined;
  const mark = (at: number) => {
    differ++;
    if (last !== undefined && last[0] + last[1] === at) {
      last[1]++;
      return;
    }
    last = [at, 1];
    if (runs.length < mostRuns) runs.push(last);
    else runsLeftOut++;
  };
  const left = blocks(a);
  const right = blocks(b);
  for (;;) {
    const [x, y] = await Promise.all([left.next(), right.next()]);
    if (x.done && y.done) return { pageBytes, total: page, differ, runs, runsLeftOut };
    const one = x.done ? Buffer.alloc(0) : x.value;
    const other = y.done ? Buffer.alloc(0) : y.value;
    const pages = Math.ceil(Math.max(one.length, other.length) / pageBytes);
    if (!one.equals(other)) {
      for (let i = 0; i < pages; i++) {
        const from = i * pageBytes;
        if (!one.subarray(from, from + pageBytes).equals(other.subarray(from, from + pageBytes))) mark(page + i);
      }
    }
    page += pages;
  }
}

/** The same bytes in blocks of one size, so that both sides stay in step. */
async function* blocks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + blockBytes - heldBytes);
      held.push(part);
      heldBytes += part.length;
      at += part.length;
      if (heldBytes < blockBytes) continue;
      yield held.length === 1 ? part : Buffer.concat(held, heldBytes);
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held, heldBytes);
}
