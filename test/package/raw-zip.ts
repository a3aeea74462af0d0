import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** A ZIP written by hand, so that tests can make what no decent writer would. */
export interface RawEntry {
  readonly name: string;
  readonly data: Buffer | string;
  /** Unix mode in the external attributes. */
  readonly mode?: number;
  /** Name in the local header, when it is to differ. */
  readonly localName?: string;
  /** Claimed in both headers. */
  readonly claimedSize?: number;
  readonly method?: number;
  readonly crc?: number;
  /** Bytes that follow the data and belong to nobody. */
  readonly junk?: Buffer;
  /** Point at the data of this other entry instead of writing some. */
  readonly sameAs?: string;
}

export function rawZip(entries: readonly RawEntry[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const offsets = new Map<string, number>();
  let at = 0;
  for (const entry of entries) {
    const data = Buffer.from(entry.data);
    const crc = entry.crc ?? crc32(data);
    const size = entry.claimedSize ?? data.length;
    const header = (signature: number, name: string, extra: (b: Buffer) => void, length: number): Buffer => {
      const b = Buffer.alloc(length);
      b.writeUInt32LE(signature, 0);
      extra(b);
      return Buffer.concat([b, Buffer.from(name)]);
    };
    const common = (b: Buffer, o: number, name: string) => {
      b.writeUInt16LE(20, o);
      b.writeUInt16LE(0x800, o + 2);
      b.writeUInt16LE(entry.method ?? 0, o + 4);
      b.writeUInt32LE(crc, o + 10);
      b.writeUInt32LE(data.length, o + 14);
      b.writeUInt32LE(size, o + 18);
      b.writeUInt16LE(Buffer.byteLength(name), o + 22);
    };
    const localName = entry.localName ?? entry.name;
    const offset = entry.sameAs === undefined ? at : (offsets.get(entry.sameAs) ?? 0);
    if (entry.sameAs === undefined) {
      const local = header(0x04034b50, localName, (b) => common(b, 4, localName), 30);
      parts.push(local, data, entry.junk ?? Buffer.alloc(0));
      offsets.set(entry.name, at);
      at += local.length + data.length + (entry.junk?.length ?? 0);
    }
    directory.push(
      header(
        0x02014b50,
        entry.name,
        (b) => {
          b.writeUInt16LE((3 << 8) | 63, 4);
          common(b, 6, entry.name);
          b.writeUInt32LE(((entry.mode ?? 0o100600) << 16) >>> 0, 38);
          b.writeUInt32LE(offset, 42);
        },
        46,
      ),
    );
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(comment)]);
}

export const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** A manifest in the manner of SOL004 that lists the entries, one block, no blank lines. */
export function foreignManifest(entries: readonly RawEntry[], newline = '\n'): string {
  const lines = ['metadata:', '  vnf_product_name: sample', '  vnf_provider_id: somebody', ''];
  for (const e of entries)
    lines.push(`Source: ${e.name}`, 'Algorithm: sha-256', `Hash: ${sha256(Buffer.from(e.data)).toUpperCase()}`);
  return lines.join(newline) + newline;
}

/** Entries, and a manifest that lists them. */
export const listed = (entries: readonly RawEntry[]): RawEntry[] => [
  ...entries,
  { name: 'manifest.mf', data: foreignManifest([...new Map(entries.map((e) => [e.name, e])).values()]) },
];

export const good: readonly RawEntry[] = [{ name: 'a.txt', data: 'a' }];

/** What a promise fails with; undefined when it does not. */
export const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (e: unknown) => e,
  );
