import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { classifyIo, OrdealError } from '../util/errors.js';

/** A private key with the certificate that names its owner, and the certificates between that one and an anchor. */
export interface Identity {
  readonly certificate: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
  readonly key: KeyObject;
}

/** @throws OrdealError of kind `file-missing` or `file-invalid` */
export async function readCertificates(file: string): Promise<X509Certificate[]> {
  const text = await readPem(file);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(file, 'one certificate or more in PEM', 'none');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (e) {
    throw unusable(file, 'certificates in PEM', 'one that cannot be read', e);
  }
}

/**
 * @param certificateFile PEM: the owner's certificate first, then the ones above it
 * @param keyFile PEM, PKCS#8 or traditional; encrypted ones need the passphrase
 * @throws OrdealError of kind `file-missing` or `file-invalid`
 */
export async function readIdentity(certificateFile: string, keyFile: string, passphrase?: string): Promise<Identity> {
  const [certificate, ...intermediates] = await readCertificates(certificateFile);
  if (certificate === undefined) throw unusable(certificateFile, 'a certificate', 'none');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: await readPem(keyFile), ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    throw unusable(keyFile, 'a private key in PEM, with its passphrase', 'one that cannot be opened', e);
  }
  if (!certificate.checkPrivateKey(key)) throw unusable(keyFile, `the key of ${certificateFile}`, 'another key');
  return { certificate, intermediates, key };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (e) {
    throw classifyIo(e, file);
  }
}

const unusable = (where: string, expected: string, got: string, cause?: unknown): OrdealError =>
  new OrdealError('file-invalid', 'The file cannot be used', {
    where,
    expected,
    got,
    ...(cause === undefined ? {} : { cause }),
  });
