import type { FileHandle } from 'node:fs/promises';

/** A piece of guest memory, and where it lies in the dump. */
export interface Segment {
  readonly physical: bigint;
  readonly offset: number;
  readonly bytes: number;
}

/** The guest's memory in a dump, by physical address. */
export class PhysicalMemory {
  constructor(
    readonly file: FileHandle,
    readonly segments: readonly Segment[],
  ) {}

  /** @returns undefined when it is no memory: a device, or nothing */
  offsetOf(physical: bigint, bytes: number): number | undefined {
    const at = this.segments.find(
      (s) => physical >= s.physical && physical + BigInt(bytes) <= s.physical + BigInt(s.bytes),
    );
    return at === undefined ? undefined : at.offset + Number(physical - at.physical);
  }

  async read(physical: bigint, bytes: number): Promise<Buffer | undefined> {
    const offset = this.offsetOf(physical, bytes);
    if (offset === undefined) return undefined;
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await this.file.read(buffer, 0, bytes, offset);
    return bytesRead === bytes ? buffer : undefined;
  }
}
