import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  type X509Certificate,
} from 'node:crypto';
import * as cms from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import { OrdealError } from '../util/errors.js';
import { der, issuerAndSerial, parsedCertificate } from './certificate.js';
import type { Identity } from './keys.js';

/**
 * Who can open an envelope: the content's key, once for every recipient. RSA by OAEP (RFC 4056, with SHA-256), elliptic
 * curves by ephemeral-static Diffie-Hellman (RFC 5753, SHA-256 and AES-256 key wrap).
 */

const oaep = '1.2.840.113549.1.1.7';
/** RSAES-OAEP-params: SHA-256, and MGF1 with SHA-256. */
const oaepParameters = Buffer.from(
  '302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500',
  'hex',
);
const wrap = Buffer.from('300b060960864801650304012d', 'hex');
const ecPublicKey = '1.2.840.10045.2.1';
/** dhSinglePass-stdDH with the key derivation of X9.63 over these hashes. */
const agreements: Readonly<Record<string, string>> = {
  '1.3.133.16.840.63.0.2': 'sha1',
  '1.3.132.1.11.1': 'sha256',
  '1.3.132.1.11.2': 'sha384',
  '1.3.132.1.11.3': 'sha512',
};
const ourAgreement = '1.3.132.1.11.1';
const wrapIv = Buffer.alloc(8, 0xa6);

/** @param contentKey of AES-256 @throws OrdealError of kind `usage`: a certificate whose key is neither RSA nor EC */
export function recipientInfo(contentKey: Buffer, recipient: X509Certificate): cms.RecipientInfo {
  const { publicKey } = recipient;
  if (publicKey.asymmetricKeyType === 'rsa') return new cms.RecipientInfo({ ktri: transported(contentKey, recipient) });
  if (publicKey.asymmetricKeyType === 'ec') return new cms.RecipientInfo({ kari: agreed(contentKey, recipient) });
  throw new OrdealError('usage', `Nothing can be encrypted to "${recipient.subject.replaceAll('\n', ', ')}"`, {
    expected: 'a certificate with an RSA or an EC key',
    got: String(publicKey.asymmetricKeyType),
  });
}

function transported(contentKey: Buffer, recipient: X509Certificate): cms.KeyTransRecipientInfo {
  const encrypted = publicEncrypt(
    { key: recipient.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    contentKey,
  );
  return new cms.KeyTransRecipientInfo({
    version: cms.CMSVersion.v0,
    rid: new cms.RecipientIdentifier({ issuerAndSerialNumber: issuerAndSerial(recipient) }),
    keyEncryptionAlgorithm: new AlgorithmIdentifier({ algorithm: oaep, parameters: arrayBuffer(oaepParameters) }),
    encryptedKey: new OctetString(encrypted),
  });
}

function agreed(contentKey: Buffer, recipient: X509Certificate): cms.KeyAgreeRecipientInfo {
  const namedCurve = recipient.publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  const ephemeral = generateKeyPairSync('ec', { namedCurve });
  const kek = keyEncryptionKey(ephemeral.privateKey, recipient.publicKey, 'sha256', undefined);
  const cipher = createCipheriv('id-aes256-wrap', kek, wrapIv);
  const point = AsnConvert.parse(ephemeral.publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  return new cms.KeyAgreeRecipientInfo({
    version: cms.CMSVersion.v3,
    originator: new cms.OriginatorIdentifierOrKey({
      originatorKey: new cms.OriginatorPublicKey({
        algorithm: new AlgorithmIdentifier({ algorithm: ecPublicKey }),
        publicKey: point.subjectPublicKey,
      }),
    }),
    keyEncryptionAlgorithm: new AlgorithmIdentifier({ algorithm: ourAgreement, parameters: arrayBuffer(wrap) }),
    recipientEncryptedKeys: new cms.RecipientEncryptedKeys([
      new cms.RecipientEncryptedKey({
        rid: new cms.KeyAgreeRecipientIdentifier({ issuerAndSerialNumber: issuerAndSerial(recipient) }),
        encryptedKey: new OctetString(Buffer.concat([cipher.update(contentKey), cipher.final()])),
      }),
    ]),
  });
}

/** @returns the content's key, or undefined when the envelope is not addressed to this identity */
export function openedKey(infos: readonly cms.RecipientInfo[], identity: Identity): Buffer | undefined {
  const mine = der(issuerAndSerial(identity.certificate));
  const isMine = (id: cms.IssuerAndSerialNumber | undefined) => id !== undefined && der(id).equals(mine);
  for (const { ktri, kari } of infos) {
    if (ktri !== undefined && isMine(ktri.rid.issuerAndSerialNumber)) return fromTransport(ktri, identity.key);
    const key = kari?.recipientEncryptedKeys.find((k) => isMine(k.rid.issuerAndSerialNumber));
    if (kari !== undefined && key !== undefined)
      return fromAgreement(kari, Buffer.from(key.encryptedKey.buffer), identity);
  }
  return undefined;
}

function fromTransport(info: cms.KeyTransRecipientInfo, key: KeyObject): Buffer {
  const { algorithm, parameters } = info.keyEncryptionAlgorithm;
  if (algorithm !== oaep) throw new Error(`key encryption ${algorithm} is not RSA-OAEP`);
  const isSha256 = parameters !== undefined && parameters !== null && Buffer.from(parameters).equals(oaepParameters);
  return privateDecrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: isSha256 ? 'sha256' : 'sha1' },
    Buffer.from(info.encryptedKey.buffer),
  );
}

function fromAgreement(info: cms.KeyAgreeRecipientInfo, encrypted: Buffer, { key, certificate }: Identity): Buffer {
  const { algorithm, parameters } = info.keyEncryptionAlgorithm;
  const hash = agreements[algorithm];
  const point = info.originator.originatorKey?.publicKey;
  const isOurWrap = parameters !== undefined && parameters !== null && Buffer.from(parameters).equals(wrap);
  if (hash === undefined || point === undefined || !isOurWrap)
    throw new Error(`key agreement ${algorithm} is not known`);
  const spki = parsedCertificate(certificate).tbsCertificate.subjectPublicKeyInfo;
  const theirs = der(new SubjectPublicKeyInfo({ algorithm: spki.algorithm, subjectPublicKey: point }));
  const publicKey = createPublicKey({ key: theirs, format: 'der', type: 'spki' });
  const kek = keyEncryptionKey(key, publicKey, hash, info.ukm && Buffer.from(info.ukm.buffer));
  const decipher = createDecipheriv('id-aes256-wrap', kek, wrapIv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

/** X9.63 key derivation over ECC-CMS-SharedInfo (RFC 5753, 7.2); 32 bytes. */
function keyEncryptionKey(privateKey: KeyObject, publicKey: KeyObject, hash: string, ukm: Buffer | undefined): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  const suppPubInfo = Buffer.from('a206040400000100', 'hex');
  const entityUInfo = ukm === undefined ? Buffer.alloc(0) : tagged(0xa0, tagged(0x04, ukm));
  const sharedInfo = tagged(0x30, Buffer.concat([wrap, entityUInfo, suppPubInfo]));
  const blocks: Buffer[] = [];
  for (let counter = 1; Buffer.concat(blocks).length < 32; counter++) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(secret).update(count).update(sharedInfo).digest());
  }
  return Buffer.concat(blocks).subarray(0, 32);
}

/** DER of content shorter than 64 KiB. */
export function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const arrayBuffer = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;
