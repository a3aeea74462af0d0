import { seededRandom } from '../../../util/random.js';

/** A disk is allocated in blocks, as thin provisioning does it: what was never written takes no room. */
export const blockBytes = 4096;

const EIO = -5;
const EINVAL = -22;
const ENOSPC = -28;

const ints = { attached: 0, allocated: 1, limit: 2, errorSeed: 3 } as const;
const reals = { readErrors: 0, writeErrors: 1 } as const;

/** What a disk is made of; it can be handed to another thread. */
export interface DiskShare {
  readonly id: string;
  readonly sizeBytes: number;
  readonly data: SharedArrayBuffer;
  /** One byte for each block: 1 when it is allocated. */
  readonly map: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

export function newDisk(id: string, sizeBytes: number): DiskShare {
  const blocks = Math.ceil(sizeBytes / blockBytes);
  const share: DiskShare = {
    id,
    sizeBytes,
    data: new SharedArrayBuffer(sizeBytes),
    map: new SharedArrayBuffer(blocks),
    control: new SharedArrayBuffer(64),
  };
  const disk = new VirtualDisk(share);
  disk.attached = true;
  disk.limitBlocks = undefined;
  return share;
}

/** Both sides use it: the VNFC's thread reads and writes, the host attaches, limits and breaks. */
export class VirtualDisk {
  readonly #bytes: Uint8Array;
  readonly #map: Uint8Array;
  readonly #ints: Int32Array;
  readonly #reals: Float64Array;
  #random: { seed: number; next: () => number } | undefined;

  constructor(readonly share: DiskShare) {
    this.#bytes = new Uint8Array(share.data);
    this.#map = new Uint8Array(share.map);
    this.#ints = new Int32Array(share.control, 0, 8);
    this.#reals = new Float64Array(share.control, 32, 4);
  }

  get sizeBytes(): number {
    return this.share.sizeBytes;
  }
  get attached(): boolean {
    return Atomics.load(this.#ints, ints.attached) === 1;
  }
  set attached(on: boolean) {
    Atomics.store(this.#ints, ints.attached, on ? 1 : 0);
  }
  get allocatedBlocks(): number {
    return Atomics.load(this.#ints, ints.allocated);
  }
  get limitBlocks(): number | undefined {
    const limit = Atomics.load(this.#ints, ints.limit);
    return limit < 0 ? undefined : limit;
  }
  /** So many blocks may be allocated in all; writes that would need more fail. undefined: as many as there are. */
  set limitBlocks(blocks: number | undefined) {
    Atomics.store(this.#ints, ints.limit, blocks ?? -1);
  }
  /** Ratios of the reads and writes that fail from now on. */
  setErrors(read: number, write: number, seed: number): void {
    this.#reals[reals.readErrors] = read;
    this.#reals[reals.writeErrors] = write;
    Atomics.store(this.#ints, ints.errorSeed, seed);
  }

  /** @returns bytes read, or -errno */
  read(offset: number, into: Uint8Array): number {
    if (!this.attached || this.#fails(this.#reals[reals.readErrors] ?? 0)) return EIO;
    if (!this.#inRange(offset, into.length)) return EINVAL;
    into.set(this.#bytes.subarray(offset, offset + into.length));
    return into.length;
  }

  /** All of it or nothing. @returns bytes written, or -errno */
  write(offset: number, from: Uint8Array): number {
    if (!this.attached || this.#fails(this.#reals[reals.writeErrors] ?? 0)) return EIO;
    if (!this.#inRange(offset, from.length)) return EINVAL;
    if (from.length === 0) return 0;
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((offset + from.length - 1) / blockBytes);
    let fresh = 0;
    for (let block = first; block <= last; block++) if (this.#map[block] === 0) fresh++;
    const limit = this.limitBlocks;
    if (fresh > 0 && limit !== undefined && this.allocatedBlocks + fresh > limit) return ENOSPC;
    this.#map.fill(1, first, last + 1);
    Atomics.add(this.#ints, ints.allocated, fresh);
    this.#bytes.set(from, offset);
    return from.length;
  }

  flush(): number {
    return this.attached ? 0 : EIO;
  }

  /** Copies what is allocated into a buffer of the disk's size that holds zeros elsewhere. */
  copyInto(target: Uint8Array): void {
    for (const [start, end] of this.extents()) target.set(this.#bytes.subarray(start, end), start);
  }

  /** The allocated ranges, in bytes, in order. */
  *extents(): Generator<readonly [start: number, end: number]> {
    const blocks = this.#map.length;
    for (let block = 0; block < blocks; block++) {
      if (this.#map[block] === 0) continue;
      const start = block;
      while (block < blocks && this.#map[block] === 1) block++;
      yield [start * blockBytes, Math.min(block * blockBytes, this.sizeBytes)];
    }
  }

  /** Marks the blocks that hold something as allocated; for a disk whose bytes were put in from outside. */
  recount(): void {
    const bytes = Buffer.from(this.share.data);
    const zeros = Buffer.alloc(blockBytes);
    let allocated = 0;
    for (let block = 0; block < this.#map.length; block++) {
      const content = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
      const used = !content.equals(zeros.subarray(0, content.length));
      this.#map[block] = used ? 1 : 0;
      if (used) allocated++;
    }
    Atomics.store(this.#ints, ints.allocated, allocated);
  }

  /** How many bytes could still be written to new blocks: tried out with zeros, then undone. */
  tryToFill(): { bytes: number; refused: boolean } {
    const zeros = new Uint8Array(1);
    const tried: number[] = [];
    let refused = false;
    for (let block = 0; block < this.#map.length; block++) {
      if (this.#map[block] === 1) continue;
      if (this.write(block * blockBytes, zeros) !== 1) {
        refused = true;
        break;
      }
      tried.push(block);
    }
    for (const block of tried) this.#map[block] = 0;
    Atomics.sub(this.#ints, ints.allocated, tried.length);
    return { bytes: tried.length * blockBytes, refused };
  }

  #inRange(offset: number, length: number): boolean {
    return Number.isSafeInteger(offset) && offset >= 0 && offset + length <= this.sizeBytes;
  }

  #fails(ratio: number): boolean {
    if (ratio === 0) return false;
    const seed = Atomics.load(this.#ints, ints.errorSeed);
    if (this.#random?.seed !== seed) this.#random = { seed, next: seededRandom(seed) };
    return this.#random.next() < ratio;
  }
}
