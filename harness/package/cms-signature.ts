import { constants, createHash, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import * as cms from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Time } from '@peculiar/asn1-x509';
import { asError, OrdealError } from '../util/errors.js';
import { der, issuerAndSerial, parsedCertificate } from './certificate.js';
import type { Identity } from './keys.js';
import { chainTo } from './trust.js';

/** Detached CMS signatures in PEM (RFC 5652), as SOL004 puts them under a manifest. */

const hashes: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const rsa = '1.2.840.113549.1.1.1';
const rsaPss = '1.2.840.113549.1.1.10';
/** Signature algorithms that name their hash. */
const withHash: Readonly<Record<string, { type: string; hash: string }>> = {
  '1.2.840.113549.1.1.11': { type: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { type: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { type: 'rsa', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { type: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { type: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { type: 'ec', hash: 'sha512' },
};

/** @throws OrdealError of kind `usage`: the key is neither RSA nor EC */
export function signDetached(content: Buffer, { certificate, intermediates, key }: Identity, at = new Date()): string {
  const digestAlgorithm = new AlgorithmIdentifier({ algorithm: '2.16.840.1.101.3.4.2.1' });
  const signedAttrs = [
    attribute(cms.id_contentType, Buffer.from('06092a864886f70d010701', 'hex')),
    attribute(cms.id_signingTime, der(new Time(at))),
    attribute(cms.id_messageDigest, der(new OctetString(createHash('sha256').update(content).digest()))),
  ].sort((a, b) => Buffer.compare(der(a), der(b)));
  const signatureAlgorithm = new AlgorithmIdentifier({ algorithm: algorithmFor(key), parameters: parametersFor(key) });
  const signerInfo = new cms.SignerInfo({
    version: cms.CMSVersion.v1,
    sid: new cms.SignerIdentifier({ issuerAndSerialNumber: issuerAndSerial(certificate) }),
    digestAlgorithm,
    signedAttrs,
    signatureAlgorithm,
    signature: new OctetString(sign('sha256', setOf(signedAttrs.map(der)), key)),
  });
  const signedData = new cms.SignedData({
    version: cms.CMSVersion.v1,
    digestAlgorithms: new cms.DigestAlgorithmIdentifiers([digestAlgorithm]),
    encapContentInfo: new cms.EncapsulatedContentInfo({ eContentType: cms.id_data }),
    certificates: new cms.CertificateSet(
      [certificate, ...intermediates].map((c) => new cms.CertificateChoices({ certificate: parsedCertificate(c) })),
    ),
    signerInfos: new cms.SignerInfos([signerInfo]),
  });
  const contentInfo = new cms.ContentInfo({
    contentType: cms.id_signedData,
    content: AsnConvert.serialize(signedData),
  });
  const lines =
    der(contentInfo)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CMS-----\n${lines.join('\n')}\n-----END CMS-----\n`;
}

export interface TrustOptions {
  /** Certificates that the signer's must be, or descend from. Absent: nobody is asked whether the signer is trusted. */
  readonly trust?: readonly X509Certificate[];
  /** When the certificates must be valid. Default: now. */
  readonly at?: Date;
}

export interface SignatureInfo {
  readonly subject: string;
  /** SHA-256 of the signer's certificate, hex. */
  readonly fingerprint: string;
  /** As the signer says. */
  readonly signedAt: string | undefined;
  readonly trusted: boolean;
}

/**
 * Checks the signature, and, where anchors are given, that the signer descends from one of them. Revocation is not
 * looked up: a package must be checkable without a network.
 * @throws OrdealError of kind `package-tampered`: the signature does not fit, or the signer is not trusted; of kind
 * `package-invalid`: it cannot be read
 */
export function verifyDetached(
  content: Buffer,
  pem: string,
  where: string,
  options: TrustOptions = {},
): readonly SignatureInfo[] {
  try {
    return check(content, pem, where, options);
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    // Whatever the libraries stumbled over: a signature that is not understood does not hold.
    throw new OrdealError('package-invalid', 'The signature cannot be read', { where, cause: asError(e) });
  }
}

function check(content: Buffer, pem: string, where: string, options: TrustOptions): readonly SignatureInfo[] {
  const { signerInfos, certificates } = parse(pem);
  if (signerInfos.length === 0) throw refuse(where, 'a signer', 'none', 'package-invalid');
  return signerInfos.map((info) => {
    const certificate = certificates.find((c) => isSigner(info, c)) ?? options.trust?.find((c) => isSigner(info, c));
    if (certificate === undefined) throw refuse(where, "the signer's certificate", 'none that fits');
    checkSignature(content, info, certificate.publicKey, where);
    if (options.trust !== undefined) chainTo(options.trust, certificate, certificates, options.at ?? new Date(), where);
    return {
      subject: certificate.subject.replaceAll('\n', ', '),
      fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
      signedAt: signingTime(info)?.toISOString(),
      trusted: options.trust !== undefined,
    };
  });
}

function checkSignature(content: Buffer, info: cms.SignerInfo, key: KeyObject, where: string): void {
  const hash = hashes[info.digestAlgorithm.algorithm];
  const algorithm = info.signatureAlgorithm.algorithm;
  const named = withHash[algorithm];
  const type = named?.type ?? (algorithm === rsa || algorithm === rsaPss ? 'rsa' : undefined);
  if (hash === undefined || type === undefined || (named !== undefined && named.hash !== hash)) {
    const got = `${info.digestAlgorithm.algorithm} and ${algorithm}`;
    throw refuse(where, 'SHA-256, SHA-384 or SHA-512 with RSA or ECDSA', got, 'package-invalid');
  }
  if (key.asymmetricKeyType !== type && !(type === 'rsa' && key.asymmetricKeyType === 'rsa-pss')) {
    throw refuse(where, `a key of type ${type}`, String(key.asymmetricKeyType));
  }
  const attributes = info.signedAttrs ?? [];
  let signedBytes = content;
  if (attributes.length > 0) {
    const digest = createHash(hash).update(content).digest();
    const claimed = attributes.find((a) => a.attrType === cms.id_messageDigest)?.attrValues[0];
    const claimedDigest = claimed && Buffer.from(AsnConvert.parse(claimed, OctetString).buffer);
    if (claimedDigest === undefined || !digest.equals(claimedDigest)) {
      throw refuse(where, `${hash} ${claimedDigest?.toString('hex') ?? '(none claimed)'}`, digest.toString('hex'));
    }
    // Signed is the SET OF itself, not the [0] under which it travels (RFC 5652, 5.4).
    signedBytes = Buffer.from(info.signedAttrsRaw ?? new ArrayBuffer(0));
    if (signedBytes.length === 0) signedBytes = setOf(attributes.map(der));
    signedBytes[0] = 0x31;
  }
  const padding =
    type !== 'rsa'
      ? {}
      : { padding: algorithm === rsaPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING };
  if (!verify(hash, signedBytes, { key, ...padding }, Buffer.from(info.signature.buffer))) {
    throw refuse(where, 'a signature of this manifest', 'one of something else');
  }
}

function parse(pem: string): { signerInfos: cms.SignerInfo[]; certificates: X509Certificate[] } {
  const bytes = Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64');
  const contentInfo = AsnConvert.parse(bytes, cms.ContentInfo);
  if (contentInfo.contentType !== cms.id_signedData) throw new Error(`its type is ${contentInfo.contentType}`);
  const data = AsnConvert.parse(contentInfo.content, cms.SignedData);
  const certificates = [...(data.certificates ?? [])].flatMap(({ certificate }) =>
    certificate === undefined ? [] : [new X509Certificate(der(certificate))],
  );
  return { signerInfos: [...data.signerInfos], certificates };
}

const isSigner = ({ sid }: cms.SignerInfo, certificate: X509Certificate): boolean => {
  if (sid.issuerAndSerialNumber !== undefined) {
    return der(sid.issuerAndSerialNumber).equals(der(issuerAndSerial(certificate)));
  }
  const extension = parsedCertificate(certificate).tbsCertificate.extensions?.find((e) => e.extnID === '2.5.29.14');
  if (sid.subjectKeyIdentifier === undefined || extension === undefined) return false;
  const id = AsnConvert.parse(extension.extnValue.buffer, OctetString);
  return Buffer.from(id.buffer).equals(Buffer.from(sid.subjectKeyIdentifier.buffer));
};

function signingTime({ signedAttrs }: cms.SignerInfo): Date | undefined {
  const value = signedAttrs?.find((a) => a.attrType === cms.id_signingTime)?.attrValues[0];
  return value === undefined ? undefined : AsnConvert.parse(value, Time).getTime();
}

const attribute = (type: string, value: Buffer): cms.Attribute =>
  new cms.Attribute({ attrType: type, attrValues: [new Uint8Array(value).buffer] });

function algorithmFor(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return rsa;
  if (key.asymmetricKeyType === 'ec') return '1.2.840.10045.4.3.2';
  throw new OrdealError('usage', 'The package cannot be signed with this key', {
    expected: 'an RSA or an EC key',
    got: String(key.asymmetricKeyType),
  });
}

/** NULL for RSA, absent for ECDSA (RFC 3370, RFC 5754). */
const parametersFor = (key: KeyObject): ArrayBuffer | null =>
  key.asymmetricKeyType === 'rsa' ? new Uint8Array([5, 0]).buffer : null;

/** DER of a SET OF, of elements that are in DER's order already. */
function setOf(elements: readonly Buffer[]): Buffer {
  const content = Buffer.concat(elements);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([0x31, ...size]), content]);
}

const refuse = (
  where: string,
  expected: string,
  got: string,
  kind: 'package-tampered' | 'package-invalid' = 'package-tampered',
): OrdealError =>
  new OrdealError(kind, 'The signature of the package does not hold', {
    where,
    expected,
    got,
    remedy: 'Do not trust this copy; ask its sender.',
  });
