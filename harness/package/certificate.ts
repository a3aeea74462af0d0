import type { X509Certificate } from 'node:crypto';
import { IssuerAndSerialNumber } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';

export const parsedCertificate = (certificate: X509Certificate): Certificate =>
  AsnConvert.parse(certificate.raw, Certificate);

export function issuerAndSerial(certificate: X509Certificate): IssuerAndSerialNumber {
  const { issuer, serialNumber } = parsedCertificate(certificate).tbsCertificate;
  return new IssuerAndSerialNumber({ issuer, serialNumber });
}

export const der = (value: unknown): Buffer => Buffer.from(AsnConvert.serialize(value));
