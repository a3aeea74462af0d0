import { type FileHandle, open } from 'node:fs/promises';
import { OrdealError } from '../../util/errors.js';
import { mappingsOf } from './page-tables.js';
import { PhysicalMemory, type Segment } from './physical-memory.js';

/**
 * libvirt dumps a guest's memory as an ELF core by physical addresses, for which a debugger has no use: the registers
 * point to virtual ones. The page tables are in the dump, so the virtual addresses are added here, as new program headers
 * over the same bytes. Formats: ELF-64 (elf(5)), QEMU's note (QEMU docs/ and dump/dump.c: QEMUCPUState).
 */
const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_RWX = 7;
const EM_X86_64 = 62;
/** More than this and the number of headers needs a form that few readers know (PN_XNUM). */
const HEADERS_MAX = 0xfffe;
/** QEMUCPUState: version, size, 18 registers, 10 segments of 24 bytes, then the control registers. */
const CR0_OFFSET = 8 + 18 * 8 + 10 * 24;

interface Program {
  readonly type: number;
  readonly raw: Buffer;
  readonly segment: Segment;
}

/**
 * Prerequisite: the core is of an x86-64 guest whose first vCPU has paging on; of any other it is left as it is, by
 * physical addresses. On failure: the core is as before. @throws OrdealError of kind vim-failed for what is no core
 */
export async function addVirtualAddresses(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const header = await read(handle, 0, EHDR_BYTES);
    if (header.toString('latin1', 0, 4) !== '\x7fELF') {
      throw new OrdealError('vim-failed', 'The memory dump is no ELF core', { where: file });
    }
    if (header.readUInt16LE(18) !== EM_X86_64 || header[4] !== 2) return;
    const programs = await programHeaders(handle, header);
    const notes = programs.filter((p) => p.type === PT_NOTE);
    const registers = await controlRegisters(handle, notes);
    const memory = new PhysicalMemory(
      handle,
      programs.filter((p) => p.type === PT_LOAD).map((p) => p.segment),
    );
    if (registers === undefined) return;
    const mapped = await mappingsOf(memory, registers);
    if (mapped.length === 0 || mapped.length + notes.length > HEADERS_MAX) return;
    const table = Buffer.concat([...notes.map((n) => n.raw), ...mapped.map(loadHeader)]);
    const end = (await handle.stat()).size;
    await handle.write(table, 0, table.length, end);
    await handle.sync();
    // Only now does anything point to the new table.
    header.writeBigUInt64LE(BigInt(end), 32);
    header.writeUInt16LE(notes.length + mapped.length, 56);
    await handle.write(header, 0, EHDR_BYTES, 0);
  } finally {
    await handle.close();
  }
}

async function programHeaders(handle: FileHandle, header: Buffer): Promise<Program[]> {
  const count = header.readUInt16LE(56);
  const table = await read(handle, Number(header.readBigUInt64LE(32)), count * PHDR_BYTES);
  return Array.from({ length: count }, (_, i) => {
    const raw = table.subarray(i * PHDR_BYTES, (i + 1) * PHDR_BYTES);
    return {
      type: raw.readUInt32LE(0),
      raw,
      segment: {
        offset: Number(raw.readBigUInt64LE(8)),
        physical: raw.readBigUInt64LE(24),
        bytes: Number(raw.readBigUInt64LE(32)),
      },
    };
  });
}

function loadHeader({ virtual, physical, offset, bytes }: Segment & { readonly virtual: bigint }): Buffer {
  const raw = Buffer.alloc(PHDR_BYTES);
  raw.writeUInt32LE(PT_LOAD, 0);
  raw.writeUInt32LE(PF_RWX, 4);
  raw.writeBigUInt64LE(BigInt(offset), 8);
  raw.writeBigUInt64LE(virtual, 16);
  raw.writeBigUInt64LE(physical, 24);
  raw.writeBigUInt64LE(BigInt(bytes), 32);
  raw.writeBigUInt64LE(BigInt(bytes), 40);
  return raw;
}

/** CR3 and CR4 of the first vCPU, from QEMU's own note. @returns undefined when paging is off */
async function controlRegisters(
  handle: FileHandle,
  notes: readonly Program[],
): Promise<{ cr3: bigint; cr4: bigint } | undefined> {
  for (const { segment } of notes) {
    const note = await read(handle, segment.offset, segment.bytes);
    for (let at = 0; at + 12 <= note.length; ) {
      const [nameBytes, bytes] = [note.readUInt32LE(at), note.readUInt32LE(at + 4)];
      const name = note.toString('latin1', at + 12, at + 12 + Math.max(0, nameBytes - 1));
      const from = at + 12 + padded(nameBytes);
      if (name === 'QEMU' && from + CR0_OFFSET + 40 <= note.length) {
        const cr = (i: number) => note.readBigUInt64LE(from + CR0_OFFSET + i * 8);
        return (cr(0) & 0x8000_0000n) === 0n ? undefined : { cr3: cr(3), cr4: cr(4) };
      }
      at = from + padded(bytes);
    }
  }
  return undefined;
}

const padded = (bytes: number): number => (bytes + 3) & ~3;

async function read(handle: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}
