/**
 * How QEMU's netfilters hand frames over a socket: length (32 bits, big endian), length of the virtio-net header
 * (likewise), then both together. Source: QEMU net/filter-mirror.c, net/net.c net_fill_rstate.
 */
const HEAD_BYTES = 8;
/** A segment of 64 KiB that the guest's card is to divide, with headers to spare. */
const FRAME_MAX_BYTES = 128 * 1024;
const ETHERNET_HEAD = 14;

/** struct virtio_net_hdr */
const FLAG_NEEDS_CSUM = 1;
const offsets = { flags: 0, gsoType: 1, csumStart: 6, csumOffset: 8 } as const;

export interface NetFrame {
  /** The virtio-net header: offloads that the frame asks for. */
  readonly envelope: Buffer;
  readonly data: Buffer;
}

/** Cuts a byte stream into frames. @throws Error when it is no such stream */
export class NetFrames {
  #held: Buffer = Buffer.alloc(0);

  *push(piece: Buffer): Generator<NetFrame> {
    this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    while (this.#held.length >= HEAD_BYTES) {
      const [bytes, envelope] = [this.#held.readUInt32BE(0), this.#held.readUInt32BE(4)];
      if (bytes > FRAME_MAX_BYTES || envelope > bytes) throw new Error(`a frame of ${bytes} bytes cannot be meant`);
      if (this.#held.length < HEAD_BYTES + bytes) return;
      const whole = this.#held.subarray(HEAD_BYTES, HEAD_BYTES + bytes);
      this.#held = this.#held.subarray(HEAD_BYTES + bytes);
      yield { envelope: whole.subarray(0, envelope), data: whole.subarray(envelope) };
    }
  }
}

export function encoded(envelope: Uint8Array, data: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(envelope.length + data.length, 0);
  head.writeUInt32BE(envelope.length, 4);
  return Buffer.concat([head, envelope, data]);
}

/** The MAC that a frame comes from, as a number. */
export const sourceOf = (data: Uint8Array): number =>
  data.length < ETHERNET_HEAD ? 0 : Buffer.from(data.buffer, data.byteOffset, data.length).readUIntBE(6, 6);

/**
 * A frame between two guests carries no checksum yet: the receiver trusts it, and would not see that a bit was flipped.
 * So the checksum is completed first, as a real card would have. Segments that are still to be divided stay as they are.
 */
export function withChecksum({ envelope, data }: NetFrame): NetFrame {
  if (envelope.length < 10) return { envelope, data };
  const needs = ((envelope[offsets.flags] ?? 0) & FLAG_NEEDS_CSUM) !== 0;
  if (!needs || (envelope[offsets.gsoType] ?? 0) !== 0) return { envelope, data };
  const start = envelope.readUInt16LE(offsets.csumStart);
  const at = start + envelope.readUInt16LE(offsets.csumOffset);
  if (at + 2 > data.length) return { envelope, data };
  const whole = Buffer.from(data);
  let sum = 0;
  for (let i = start; i < whole.length; i += 2) sum += ((whole[i] ?? 0) << 8) | (whole[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  whole.writeUInt16BE(~sum & 0xffff || 0xffff, at);
  const header = Buffer.from(envelope);
  header[offsets.flags] = (header[offsets.flags] ?? 0) & ~FLAG_NEEDS_CSUM;
  return { envelope: header, data: whole };
}
