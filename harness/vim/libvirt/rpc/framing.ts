import { XdrError } from './xdr.js';

/** Messages of virnetprotocol.x: a length word that counts itself, a header of six words, and the payload. */

const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;
/** VIR_NET_MESSAGE_MAX, 32 MiB, and the length word, which it does not count. */
const MESSAGE_MAX_BYTES = 33_554_432 + LENGTH_BYTES;

export const MessageType = { call: 0, reply: 1, message: 2, stream: 3 } as const;
export const MessageStatus = { ok: 0, error: 1, continue: 2 } as const;

export interface MessageHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

export interface Message {
  readonly header: MessageHeader;
  readonly payload: Buffer;
}

/** @throws XdrError when it is longer than libvirt takes; nothing was sent then */
export function frame(it: MessageHeader, payload: Buffer): Buffer {
  const bytes = LENGTH_BYTES + HEADER_BYTES + payload.length;
  if (bytes > MESSAGE_MAX_BYTES) throw new XdrError(`A message of ${bytes} bytes is longer than ${MESSAGE_MAX_BYTES}`);
  const out = Buffer.allocUnsafe(bytes);
  [bytes, it.program, it.version, it.procedure, it.type, it.serial, it.status].forEach((word, i) => {
    out.writeUInt32BE(word >>> 0, i * 4);
  });
  payload.copy(out, LENGTH_BYTES + HEADER_BYTES);
  return out;
}

/** Cuts a byte stream into messages, whatever pieces it arrives in. */
export class Deframer {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @throws XdrError when a length cannot be true; the stream is then useless */
  push(piece: Buffer): Message[] {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const messages: Message[] = [];
    for (let length = this.#nextLength(); length !== undefined && this.#bytes >= length; length = this.#nextLength()) {
      const whole = this.#joined();
      messages.push(read(whole.subarray(0, length)));
      const rest = whole.subarray(length);
      this.#pieces = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
    }
    return messages;
  }

  #nextLength(): number | undefined {
    if (this.#bytes < LENGTH_BYTES) return undefined;
    const first = this.#pieces[0];
    const start = first !== undefined && first.length >= LENGTH_BYTES ? first : this.#joined();
    const length = start.readUInt32BE(0);
    if (length < LENGTH_BYTES + HEADER_BYTES || length > MESSAGE_MAX_BYTES) {
      throw new XdrError(`A message cannot have ${length} bytes`);
    }
    return length;
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }
}

function read(message: Buffer): Message {
  const headerEnd = LENGTH_BYTES + HEADER_BYTES;
  const words = Array.from({ length: 6 }, (_, i) => message.readUInt32BE(LENGTH_BYTES + i * 4));
  const [program = 0, version = 0, procedure = 0, type = 0, serial = 0, status = 0] = words;
  return { header: { program, version, procedure, type, serial, status }, payload: message.subarray(headerEnd) };
}
