import type { PhysicalMemory, Segment } from './physical-memory.js';

/** x86-64 paging, four or five levels: Intel SDM volume 3, 4.5. */
const TABLE_BYTES = 4096;
const ENTRIES = 512;
const PRESENT = 1n;
const LARGE = 0x80n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
const LA57 = 1n << 12n;
const CANONICAL_BITS = { 4: 48n, 5: 57n } as const;

export interface Mapping extends Segment {
  readonly virtual: bigint;
}

/** What is mapped to memory, in the order of virtual addresses; neighbours that are neighbours in the dump too are one. */
export async function mappingsOf(
  memory: PhysicalMemory,
  { cr3, cr4 }: { readonly cr3: bigint; readonly cr4: bigint },
): Promise<Mapping[]> {
  const levels = (cr4 & LA57) === 0n ? 4 : 5;
  const bits = CANONICAL_BITS[levels];
  const found: Mapping[] = [];
  const add = (virtual: bigint, physical: bigint, bytes: number): void => {
    const offset = memory.offsetOf(physical, bytes);
    if (offset === undefined) return;
    const last = found.at(-1);
    const follows =
      last !== undefined && last.virtual + BigInt(last.bytes) === virtual && last.offset + last.bytes === offset;
    if (follows) found[found.length - 1] = { ...last, bytes: last.bytes + bytes };
    else found.push({ virtual, physical, offset, bytes });
  };
  const walk = async (table: bigint, level: number, base: bigint): Promise<void> => {
    const entries = await memory.read(table, TABLE_BYTES);
    if (entries === undefined) return;
    const shift = BigInt(12 + 9 * (level - 1));
    for (let i = 0; i < ENTRIES; i++) {
      const entry = entries.readBigUInt64LE(i * 8);
      if ((entry & PRESENT) === 0n) continue;
      const virtual = base | (BigInt(i) << shift);
      const isPage = level === 1 || (level <= 3 && (entry & LARGE) !== 0n);
      if (!isPage) await walk(entry & ADDRESS, level - 1, virtual);
      else add(canonical(virtual, bits), entry & ADDRESS & ~((1n << shift) - 1n), Number(1n << shift));
    }
  };
  await walk(cr3 & ADDRESS, levels, 0n);
  return found;
}

const canonical = (address: bigint, bits: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(Number(bits), address));
