import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import * as x509 from '@peculiar/asn1-x509';
import { der } from '../../harness/package/certificate.js';
import type { Identity } from '../../harness/package/keys.js';

export interface CertificateRequest {
  readonly name: string;
  readonly type?: 'rsa' | 'ec';
  readonly curve?: string;
  readonly issuer?: Identity;
  readonly ca?: boolean;
  readonly from?: Date;
  readonly to?: Date;
}

/** A key pair and a certificate, made here so that the tests need no other program. Self-signed without an issuer. */
export function makeIdentity({
  name,
  type = 'ec',
  curve = 'prime256v1',
  issuer,
  ca = false,
  from,
  to,
}: CertificateRequest): Identity {
  const { privateKey, publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: curve });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const signer = issuer?.key ?? privateKey;
  const isRsa = signer.asymmetricKeyType === 'rsa';
  const algorithm = new x509.AlgorithmIdentifier({
    algorithm: isRsa ? '1.2.840.113549.1.1.11' : '1.2.840.10045.4.3.2',
    parameters: isRsa ? new Uint8Array([5, 0]).buffer : null,
  });
  const subject = nameOf(name);
  const constraints = new x509.BasicConstraints(ca ? { cA: true } : {});
  const tbs = new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: new Uint8Array([1, ...randomBytes(8)]).buffer,
    signature: algorithm,
    issuer:
      issuer === undefined
        ? subject
        : AsnConvert.parse(issuer.certificate.raw, x509.Certificate).tbsCertificate.subject,
    validity: new x509.Validity({
      notBefore: from ?? new Date(Date.now() - 3_600_000),
      notAfter: to ?? new Date(Date.now() + 86_400_000),
    }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spki, x509.SubjectPublicKeyInfo),
    extensions: new x509.Extensions([
      new x509.Extension({
        extnID: x509.id_ce_basicConstraints,
        critical: true,
        extnValue: new OctetString(der(constraints)),
      }),
    ]),
  });
  const certificate = new x509.Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: new Uint8Array(sign('sha256', der(tbs), signer)).buffer,
  });
  return {
    certificate: new X509Certificate(der(certificate)),
    intermediates:
      issuer === undefined || issuer.certificate.checkIssued(issuer.certificate) ? [] : [issuer.certificate],
    key: privateKey,
  };
}

function nameOf(commonName: string): x509.Name {
  const value = new x509.AttributeValue({ utf8String: commonName });
  return new x509.Name([
    new x509.RelativeDistinguishedName([new x509.AttributeTypeAndValue({ type: '2.5.4.3', value })]),
  ]);
}

export const pemOf = (certificate: X509Certificate): string => certificate.toString();
