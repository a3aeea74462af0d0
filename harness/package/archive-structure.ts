import type yauzl from 'yauzl';
import { OrdealError } from '../util/errors.js';
import type { PieceReader } from './package-source.js';

/** The part of the ZIP format that yauzl is lenient about: which byte of the file belongs to what. */

const signature = {
  local: 0x04034b50,
  directory: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const endBytes = 22;
const locator64Bytes = 20;
const end64Bytes = 56;
const maxComment = 0xffff;

export interface ArchiveEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly compressedBytes: number;
  readonly deflated: boolean;
  readonly crc32: number;
  /** Of the compressed data, in the file. */
  readonly dataStart: number;
}

export interface Structure {
  /** Where each entry's data lies. @throws OrdealError when entries overlap, leave gaps or contradict the directory */
  locate(entries: readonly yauzl.Entry[]): Promise<ReadonlyMap<string, ArchiveEntry>>;
}

/** Finds the end of the central directory, and tells a file that was cut short from one that was never a package. */
export async function checkStructure(file: PieceReader): Promise<Structure> {
  const { name: where, bytes: size } = file.source;
  const truncated = (got: string) =>
    new OrdealError('package-truncated', 'The package was cut short', {
      where,
      expected: 'an end of central directory',
      got,
      remedy: 'Fetch or write the package again; nothing of this copy was used.',
    });
  const head = await file.bytesAt(0, Math.min(4, size));
  const magic = Buffer.from('PK\u0003\u0004', 'latin1');
  if (!head.equals(magic.subarray(0, head.length))) {
    throw new OrdealError('package-invalid', 'This is not a package', {
      where,
      expected: 'a ZIP file',
      got: `a file that begins with ${head.toString('hex')}`,
    });
  }
  const tailAt = Math.max(0, size - endBytes - maxComment);
  const tail = await file.bytesAt(tailAt, size - tailAt);
  const end = tail.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'), tail.length - endBytes);
  if (tail.length < endBytes || end < 0) throw truncated(`a file that ends after ${size} bytes without one`);

  const endAt = tailAt + end;
  let directoryEnd = endAt;
  let directorySize = tail.readUInt32LE(end + 12);
  let directoryAt = tail.readUInt32LE(end + 16);
  const locator = endAt < locator64Bytes ? undefined : await file.bytesAt(endAt - locator64Bytes, locator64Bytes);
  if (locator?.readUInt32LE(0) === signature.locator64) {
    const end64At = Number(locator.readBigUInt64LE(8));
    if (end64At !== endAt - locator64Bytes - end64Bytes) throw truncated('a ZIP64 end that lies elsewhere');
    const end64 = await file.bytesAt(end64At, end64Bytes);
    directoryEnd = end64At;
    directorySize = Number(end64.readBigUInt64LE(40));
    directoryAt = Number(end64.readBigUInt64LE(48));
  }
  if (directoryAt + directorySize !== directoryEnd) {
    // The file may have been cut right behind a ZIP that it contains: that one's end then looks like ours.
    const inner = directoryEnd - directorySize;
    const contained = inner > directoryAt && (await startsWith(file, inner, signature.directory));
    if (contained) throw truncated('the end of an archive inside it');
    throw new OrdealError('package-tampered', 'The directory of the package is damaged', {
      where,
      expected: `a central directory of ${directorySize} bytes before byte ${directoryEnd}`,
      got: `one at byte ${directoryAt}`,
      remedy: 'Do not trust this copy; fetch the package again.',
    });
  }
  return { locate: (entries) => locate(file, entries, directoryAt, where) };
}

async function locate(
  file: PieceReader,
  entries: readonly yauzl.Entry[],
  directoryAt: number,
  where: string,
): Promise<ReadonlyMap<string, ArchiveEntry>> {
  const refuse = (what: string, expected: string, got: string) =>
    new OrdealError('package-tampered', what, {
      where,
      expected,
      got,
      remedy: 'Do not trust this copy; fetch the package again.',
    });
  const found = new Map<string, ArchiveEntry>();
  const inOrder = [...entries].sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  let at = 0;
  for (const entry of inOrder) {
    const name = entry.fileName;
    if (entry.relativeOffsetOfLocalHeader !== at) {
      throw refuse(
        `Entry "${name}" does not follow the one before it`,
        `byte ${at}`,
        `${entry.relativeOffsetOfLocalHeader}`,
      );
    }
    const header = await file.bytesAt(at, 30);
    if (header.length < 30 || header.readUInt32LE(0) !== signature.local) {
      throw refuse(`Entry "${name}" has no local header`, 'PK 3 4', header.subarray(0, 4).toString('hex'));
    }
    const nameBytes = header.readUInt16LE(26);
    const localName = await file.bytesAt(at + 30, nameBytes);
    const dataStart = at + 30 + nameBytes + header.readUInt16LE(28);
    const dataEnd = dataStart + entry.compressedSize;
    if (!localName.equals(entry.fileNameRaw)) {
      throw refuse(`Entry "${name}" has two names`, JSON.stringify(name), JSON.stringify(localName.toString('utf8')));
    }
    if (header.readUInt16LE(8) !== entry.compressionMethod || header.readUInt16LE(6) !== entry.generalPurposeBitFlag) {
      throw refuse(`Entry "${name}" is described in two ways`, 'one method and one set of flags', 'two');
    }
    if (dataEnd > directoryAt) throw refuse(`Entry "${name}" runs into the directory`, `${directoryAt}`, `${dataEnd}`);
    at = dataEnd + (await descriptorBytes(file, entry, header, dataEnd, refuse));
    if (name.endsWith('/')) continue;
    found.set(name, {
      path: name,
      sizeBytes: entry.uncompressedSize,
      compressedBytes: entry.compressedSize,
      deflated: entry.compressionMethod === 8,
      crc32: entry.crc32,
      dataStart,
    });
  }
  if (at !== directoryAt) {
    throw refuse('The package holds bytes that belong to no entry', `the directory at byte ${at}`, `${directoryAt}`);
  }
  return found;
}

/** Sizes stand in the local header, or, when it was written as a stream, in a descriptor behind the data. */
async function descriptorBytes(
  file: PieceReader,
  entry: yauzl.Entry,
  header: Buffer,
  dataEnd: number,
  refuse: (what: string, expected: string, got: string) => OrdealError,
): Promise<number> {
  const differs = (got: string) =>
    refuse(
      `Entry "${entry.fileName}" is described in two ways`,
      `${entry.compressedSize} of ${entry.uncompressedSize} bytes, CRC-32 ${entry.crc32.toString(16)}`,
      got,
    );
  if ((entry.generalPurposeBitFlag & 8) === 0) {
    const [crc, compressed, plain] = [14, 18, 22].map((offset) => header.readUInt32LE(offset));
    const in64 = compressed === 0xffffffff && plain === 0xffffffff;
    const same =
      crc === entry.crc32 && (in64 || (compressed === entry.compressedSize && plain === entry.uncompressedSize));
    if (!same) throw differs(`${compressed} of ${plain} bytes in its local header`);
    return 0;
  }
  const bytes = await file.bytesAt(dataEnd, 24);
  const from = bytes.length >= 4 && bytes.readUInt32LE(0) === 0x08074b50 ? 4 : 0;
  const is = (offset: number, wide: boolean, value: number): boolean =>
    bytes.length >= offset + (wide ? 8 : 4) &&
    (wide ? bytes.readBigUInt64LE(offset) === BigInt(value) : bytes.readUInt32LE(offset) === value);
  if (is(from, false, entry.crc32)) {
    for (const wide of [true, false]) {
      const width = wide ? 8 : 4;
      const same = is(from + 4, wide, entry.compressedSize) && is(from + 4 + width, wide, entry.uncompressedSize);
      if (same) return from + 4 + 2 * width;
    }
  }
  throw differs('something else behind its data');
}

async function startsWith(file: PieceReader, at: number, value: number): Promise<boolean> {
  const bytes = await file.bytesAt(at, 4);
  return bytes.length === 4 && bytes.readUInt32LE(0) === value;
}
