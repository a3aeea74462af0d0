/** XDR (RFC 4506) as values: each type encodes and decodes, and its TypeScript type follows from it. */

/** The bytes are not what the protocol says: the connection that they came from cannot be trusted any more. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

export class XdrWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

  /** Room for `bytes` more, zeroed. @returns where it begins */
  reserve(bytes: number): { readonly at: number; readonly buffer: Buffer } {
    const at = this.#length;
    if (at + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + bytes));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#length += bytes;
    this.#bytes.fill(0, at, this.#length);
    return { at, buffer: this.#bytes };
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class XdrReader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  /** @throws XdrError when fewer are left */
  take(count: number): { readonly at: number; readonly buffer: Buffer } {
    const at = this.#at;
    if (at + count > this.bytes.length) {
      throw new XdrError(`XDR data ends after ${this.bytes.length} bytes, ${at + count} are needed`);
    }
    this.#at += count;
    return { at, buffer: this.bytes };
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }
}

export interface Xdr<T> {
  encode(out: XdrWriter, value: T): void;
  decode(input: XdrReader): T;
}

const fixed = <T>(
  bytes: number,
  write: (buffer: Buffer, value: T, at: number) => void,
  read: (buffer: Buffer, at: number) => T,
): Xdr<T> => ({
  encode(out, value) {
    const { at, buffer } = out.reserve(bytes);
    write(buffer, value, at);
  },
  decode(input) {
    const { at, buffer } = input.take(bytes);
    return read(buffer, at);
  },
});

export const int32 = fixed<number>(
  4,
  (b, v, at) => b.writeInt32BE(v, at),
  (b, at) => b.readInt32BE(at),
);
export const uint32 = fixed<number>(
  4,
  (b, v, at) => b.writeUInt32BE(v, at),
  (b, at) => b.readUInt32BE(at),
);
export const hyper = fixed<bigint>(
  8,
  (b, v, at) => b.writeBigInt64BE(v, at),
  (b, at) => b.readBigInt64BE(at),
);
export const uhyper = fixed<bigint>(
  8,
  (b, v, at) => b.writeBigUInt64BE(v, at),
  (b, at) => b.readBigUInt64BE(at),
);
export const double = fixed<number>(
  8,
  (b, v, at) => b.writeDoubleBE(v, at),
  (b, at) => b.readDoubleBE(at),
);

const padding = (length: number): number => (4 - (length % 4)) % 4;

/** Fixed length. Padding is not checked on reading, as libvirt does not. */
export const opaqueFixed = (length: number): Xdr<Buffer> => ({
  encode(out, value) {
    if (value.length !== length) throw new XdrError(`Opaque data must have ${length} bytes, it has ${value.length}`);
    const { at, buffer } = out.reserve(length + padding(length));
    value.copy(buffer, at);
  },
  decode(input) {
    const { at, buffer } = input.take(length + padding(length));
    return buffer.subarray(at, at + length);
  },
});

/** @param max bytes, as the protocol file limits it: a length beyond it is refused before anything is allocated */
export const opaque = (max: number): Xdr<Buffer> => ({
  encode(out, value) {
    if (value.length > max) throw new XdrError(`Opaque data of ${value.length} bytes is longer than ${max}`);
    uint32.encode(out, value.length);
    opaqueFixed(value.length).encode(out, value);
  },
  decode(input) {
    const length = uint32.decode(input);
    if (length > max) throw new XdrError(`Opaque data of ${length} bytes is longer than ${max}`);
    return opaqueFixed(length).decode(input);
  },
});

export const string = (maxBytes: number): Xdr<string> => {
  const bytes = opaque(maxBytes);
  return {
    encode: (out, value) => bytes.encode(out, Buffer.from(value, 'utf8')),
    decode: (input) => bytes.decode(input).toString('utf8'),
  };
};

/** A pointer that may be NULL. */
export const optional = <T>(of: Xdr<T>): Xdr<T | null> => ({
  encode(out, value) {
    uint32.encode(out, value === null ? 0 : 1);
    if (value !== null) of.encode(out, value);
  },
  decode(input) {
    const there = uint32.decode(input);
    if (there > 1) throw new XdrError(`A pointer must be 0 or 1, got ${there}`);
    return there === 1 ? of.decode(input) : null;
  },
});

export const array = <T>(of: Xdr<T>, max: number): Xdr<readonly T[]> => ({
  encode(out, value) {
    if (value.length > max) throw new XdrError(`An array of ${value.length} is longer than ${max}`);
    uint32.encode(out, value.length);
    for (const item of value) of.encode(out, item);
  },
  decode(input) {
    const length = uint32.decode(input);
    if (length > max) throw new XdrError(`An array of ${length} is longer than ${max}`);
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(of.decode(input));
    return items;
  },
});

/** The fields in the order in which they are written down here. */
export const struct = <T extends object>(fields: { readonly [K in keyof T]: Xdr<T[K]> }): Xdr<T> => {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    encode(out, value) {
      for (const name of names) fields[name].encode(out, value[name]);
    },
    decode(input) {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].decode(input);
      return value as T;
    },
  };
};

export type Nothing = Record<string, never>;
export const nothing: Xdr<Nothing> = { encode: () => undefined, decode: () => ({}) };

export function encode<T>(type: Xdr<T>, value: T): Buffer {
  const out = new XdrWriter();
  type.encode(out, value);
  return out.bytes;
}

/** @throws XdrError also when bytes are left over: then the two sides do not speak of the same type */
export function decode<T>(type: Xdr<T>, bytes: Buffer): T {
  const input = new XdrReader(bytes);
  const value = type.decode(input);
  if (input.left > 0) throw new XdrError(`${input.left} bytes are left after the XDR data`);
  return value;
}
