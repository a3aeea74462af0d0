import { createCipheriv, randomBytes, type X509Certificate } from 'node:crypto';
import { RecipientInfos } from '@peculiar/asn1-cms';
import { der } from './certificate.js';
import { recipientInfo, tagged } from './cms-recipients.js';

/** CMS EnvelopedData (RFC 5652) as a stream: BER of indefinite length around AES-256-CBC, as `openssl cms` reads it. */

export const envelopeMediaType = 'application/cms';
const segmentBytes = 64 * 1024;

const oid = {
  envelopedData: Buffer.from('06092a864886f70d010703', 'hex'),
  data: Buffer.from('06092a864886f70d010701', 'hex'),
  aes256Cbc: Buffer.from('060960864801650304012a', 'hex'),
};
const openSequence = Buffer.from('3080', 'hex');
const openContext0 = Buffer.from('a080', 'hex');
const close = Buffer.from('0000', 'hex');

/**
 * Integrity is the manifest's part: the hash there is of the envelope, and the manifest is signed.
 * @param recipients one or more; each of them alone can open it
 */
export async function* envelope(
  content: AsyncIterable<Buffer>,
  recipients: readonly X509Certificate[],
): AsyncGenerator<Buffer> {
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const infos = recipients.map((r) => recipientInfo(key, r));
  const version = infos.every((i) => i.ktri !== undefined) ? 0 : 2;
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  key.fill(0);
  yield Buffer.concat([
    ...[openSequence, oid.envelopedData, openContext0, openSequence, Buffer.from([2, 1, version])],
    der(new RecipientInfos(infos)),
    ...[openSequence, oid.data, tagged(0x30, Buffer.concat([oid.aes256Cbc, tagged(0x04, iv)])), openContext0],
  ]);
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; at += segmentBytes)
      yield* segment(cipher.update(chunk.subarray(at, at + segmentBytes)));
  }
  yield* segment(cipher.final());
  yield Buffer.concat([close, close, close, close, close]);
}

function* segment(bytes: Buffer): Generator<Buffer> {
  if (bytes.length === 0) return;
  const { length } = bytes;
  yield Buffer.from([0x04, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]);
  yield bytes;
}
