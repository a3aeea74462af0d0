import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';

export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/** A certification authority for one run of the tests, valid for a day. */
export class CertificationAuthority {
  private constructor(
    readonly folder: string,
    readonly file: string,
  ) {}

  static async make(folder: string): Promise<CertificationAuthority> {
    const [key, file] = [join(folder, 'ca.key'), join(folder, 'ca.crt')];
    await shell('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=ordeal-test-ca', '-keyout', key, '-out', file],
    ]);
    return new CertificationAuthority(folder, file);
  }

  pem(): Promise<string> {
    return readFile(this.file, 'utf8');
  }

  /** @param names subjectAltName entries: `IP:127.0.0.1`. */
  async issue(name: string, names: readonly string[]): Promise<Certificate> {
    const at = (suffix: string) => join(this.folder, `${name}.${suffix}`);
    await shell('openssl', [
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', at('key'), '-out', at('csr')],
    ]);
    await writeFile(at('ext'), `subjectAltName=${names.join(',')}\n`);
    await shell('openssl', [
      ...['x509', '-req', '-in', at('csr'), '-CA', this.file, '-CAkey', join(this.folder, 'ca.key')],
      ...['-CAcreateserial', '-days', '1', '-extfile', at('ext'), '-out', at('crt')],
    ]);
    return { key: at('key'), certificate: at('crt') };
  }
}

/** The keys with which service account tokens are signed and checked. */
export async function serviceAccountKeys(folder: string): Promise<{ privateKey: string; publicKey: string }> {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [privateKey, publicKey] = [join(folder, 'service-accounts.key'), join(folder, 'service-accounts.pub')];
  await writeFile(privateKey, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
  return { privateKey, publicKey };
}
