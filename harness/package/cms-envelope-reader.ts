import { createDecipheriv } from 'node:crypto';
import * as cms from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { asError, OrdealError } from '../util/errors.js';
import { openedKey } from './cms-recipients.js';
import type { Identity } from './keys.js';

/** Before the content: recipients mostly. */
const headerCap = 1024 * 1024;
const envelopedData = '06092a864886f70d010703';
const aes256Cbc = '2.16.840.1.101.3.4.1.42';

/**
 * Opens an envelope as it streams by: definite or indefinite lengths, content whole or in segments, AES-256-CBC.
 * @throws OrdealError of kind `package-invalid`: not addressed to any of the identities, or not an envelope; of kind
 * `package-tampered`: damaged
 */
export async function* opened(
  content: AsyncIterable<Buffer>,
  identities: readonly Identity[],
  where: string,
): AsyncGenerator<Buffer> {
  const source = new ByteSource(content);
  try {
    const { infos, iv } = await readHeader(source);
    const key = identities.map((identity) => openedKey(infos, identity)).find((k) => k !== undefined);
    if (key === undefined) throw notForUs(infos, identities, where);
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    for await (const bytes of contentOf(source)) yield decipher.update(bytes);
    yield decipher.final();
    // To the very end, so that the hash of the whole is checked.
    await source.drain();
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    throw new OrdealError('package-tampered', 'The encrypted entry cannot be opened', { where, cause: asError(e) });
  }
}

interface Header {
  readonly infos: readonly cms.RecipientInfo[];
  readonly iv: Buffer;
}

async function readHeader(source: ByteSource): Promise<Header> {
  await enter(source, 0x30);
  if ((await element(source, 0x06)).toString('hex') !== envelopedData) throw new Error('it is no CMS EnvelopedData');
  await enter(source, 0xa0);
  await enter(source, 0x30);
  await element(source, 0x02);
  const infos = AsnConvert.parse(await element(source, 0x31), cms.RecipientInfos);
  await enter(source, 0x30);
  await element(source, 0x06);
  const algorithm = AsnConvert.parse(await element(source, 0x30), cms.ContentEncryptionAlgorithmIdentifier);
  if (algorithm.algorithm !== aes256Cbc || !algorithm.parameters) throw new Error(`cipher ${algorithm.algorithm}`);
  return { infos: [...infos], iv: Buffer.from(AsnConvert.parse(algorithm.parameters, OctetString).buffer) };
}

/** The tag and the length of a constructed element; what is in it follows. */
async function enter(source: ByteSource, tag: number): Promise<number> {
  const found = await source.exactly(1);
  if (found[0] !== tag) throw new Error(`tag ${found[0]?.toString(16)} instead of ${tag.toString(16)}`);
  return (await lengthOf(source)).length;
}

/** A whole element of definite length, tag and length included. */
async function element(source: ByteSource, tag: number): Promise<Buffer> {
  const start = await source.exactly(1);
  if (start[0] !== tag) throw new Error(`tag ${start[0]?.toString(16)} instead of ${tag.toString(16)}`);
  const { length, raw } = await lengthOf(source);
  if (length < 0 || length > headerCap) throw new Error('an element of the header is too long');
  return Buffer.concat([start, raw, await source.exactly(length)]);
}

/** -1 for an indefinite length. */
async function lengthOf(source: ByteSource): Promise<{ length: number; raw: Buffer }> {
  const first = await source.exactly(1);
  const byte = first[0] as number;
  if (byte < 0x80) return { length: byte, raw: first };
  if (byte === 0x80) return { length: -1, raw: first };
  if (byte > 0x86) throw new Error('a length of too many bytes');
  const more = await source.exactly(byte & 0x7f);
  return { length: more.readUIntBE(0, more.length), raw: Buffer.concat([first, more]) };
}

/** [0] as one string, or as segments that end with a length or with two zero bytes. */
async function* contentOf(source: ByteSource): AsyncGenerator<Buffer> {
  const tag = (await source.exactly(1))[0];
  const { length } = await lengthOf(source);
  if (tag === 0x80 && length >= 0) {
    yield* source.upTo(length);
    return;
  }
  if (tag !== 0xa0) throw new Error('there is no content in it');
  const end = length < 0 ? Number.POSITIVE_INFINITY : source.consumed + length;
  while (source.consumed < end) {
    const inner = (await source.exactly(1))[0];
    const segment = await lengthOf(source);
    if (inner === 0 && segment.length === 0 && length < 0) return;
    if (inner !== 0x04 || segment.length < 0) throw new Error('a segment of the content is not an octet string');
    yield* source.upTo(segment.length);
  }
}

/** Bytes on demand from a stream of chunks. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #held = Buffer.alloc(0);
  consumed = 0;

  constructor(content: AsyncIterable<Buffer>) {
    this.#chunks = content[Symbol.asyncIterator]();
  }

  async drain(): Promise<void> {
    for (let { done } = await this.#chunks.next(); !done; ) ({ done } = await this.#chunks.next());
  }

  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.upTo(count)) parts.push(part);
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** So many bytes, as they come. @throws when there are fewer */
  async *upTo(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#held.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done) throw new Error('it ends in the middle');
        this.#held = value as Buffer<ArrayBuffer>;
        continue;
      }
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      this.consumed += part.length;
      left -= part.length;
      yield part;
    }
  }
}

function notForUs(infos: readonly cms.RecipientInfo[], identities: readonly Identity[], where: string): OrdealError {
  const serial = (id: cms.IssuerAndSerialNumber | undefined) =>
    id === undefined ? [] : [Buffer.from(id.serialNumber).toString('hex').replace(/^0+/, '')];
  const to = infos.flatMap((i) => [
    ...serial(i.ktri?.rid.issuerAndSerialNumber),
    ...(i.kari?.recipientEncryptedKeys ?? []).flatMap((k) => serial(k.rid.issuerAndSerialNumber)),
  ]);
  return new OrdealError('package-invalid', 'The entry is encrypted to somebody else', {
    where,
    expected: `the key of certificate ${to.join(' or ') || '(none named)'}`,
    got: identities.map((i) => i.certificate.serialNumber.toLowerCase()).join(', ') || 'no key',
    remedy: 'Name the certificate and the key of one of its recipients.',
  });
}
