import type { X509Certificate } from 'node:crypto';
import { OrdealError } from '../util/errors.js';

const longestChain = 8;

/**
 * Follows the issuers from a certificate to an anchor: names, signatures, validity and the right to issue.
 * @throws OrdealError of kind `package-tampered`, saying where the chain ends
 */
export function chainTo(
  anchors: readonly X509Certificate[],
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  at: Date,
  where: string,
): void {
  const isAnchor = (c: X509Certificate) => anchors.some((a) => a.raw.equals(c.raw));
  let current = leaf;
  for (let length = 0; length < longestChain; length++) {
    checkValidity(current, at, where);
    if (isAnchor(current)) return;
    const issuer = [...anchors, ...others].find((c) => issued(c, current) && !c.raw.equals(current.raw));
    if (issuer === undefined) break;
    current = issuer;
  }
  throw new OrdealError('package-tampered', 'The signer of the package is not trusted', {
    where,
    expected: `one who descends from ${anchors.map(name).join(' or ') || 'a trust anchor'}`,
    got: `${name(leaf)}, whose issuer is ${current.issuer.replaceAll('\n', ', ')}`,
    remedy: 'Add its certificate to the trust anchors if you do trust it.',
  });
}

const issued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

function checkValidity(certificate: X509Certificate, at: Date, where: string): void {
  const from = new Date(certificate.validFrom);
  const to = new Date(certificate.validTo);
  if (at >= from && at <= to) return;
  throw new OrdealError('package-tampered', `The certificate ${name(certificate)} is not valid`, {
    where,
    expected: `a time from ${from.toISOString()} to ${to.toISOString()}`,
    got: at.toISOString(),
    remedy: 'If the package was signed within that time, verify it as of then.',
  });
}

const name = (certificate: X509Certificate): string => `"${certificate.subject.replaceAll('\n', ', ')}"`;
