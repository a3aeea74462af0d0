import { createHash } from 'node:crypto';
import { vnfSnapshot } from '../model/snapshot.js';
import { asError, ManyErrors, OrdealError } from '../util/errors.js';
import type { SignatureInfo, TrustOptions } from './cms-signature.js';
import { layout } from './layout.js';
import { vnfSnapshotPkgInfo } from './package-info.js';
import { type OpenOptions, PackageReader } from './package-reader.js';
import type { PackageLocation, PackageSource } from './package-source.js';

export interface VerifyOptions extends OpenOptions, TrustOptions {
  /** The SHA-256 that the file as a whole should have, hex, as run.json or the repository has it. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

export interface PackageReport {
  readonly file: string;
  readonly bytes: number;
  /** Of the whole file, hex. */
  readonly sha256: string;
  readonly format: string;
  readonly version: number | undefined;
  readonly entries: number;
  /** Uncompressed. */
  readonly bytesChecked: number;
  /** `untrusted`: it holds, but no anchors were given to judge the signer by. */
  readonly signature: 'none' | 'trusted' | 'untrusted';
  readonly signers: readonly SignatureInfo[];
}

/**
 * Checks a package as a whole: the structure of the archive, the hash of every entry against the manifest, nothing
 * beside it, nothing missing, the records against their schemas, and the signature, if there is one or one is asked for.
 * @throws OrdealError of kind `file-missing`, `package-truncated`, `package-tampered` (naming entry, expected and got)
 * or `package-invalid`; several damaged entries are told together
 */
export async function verifyPackage(location: PackageLocation, options: VerifyOptions = {}): Promise<PackageReport> {
  await using reader = await PackageReader.open(location, options);
  const { file } = reader;
  const signers = await checkSignature(reader, options);
  const failures: Error[] = [];
  let bytesChecked = 0;
  for (const source of reader.manifest.sources) {
    options.signal?.throwIfAborted();
    if (source.path === reader.manifestPath) continue;
    try {
      bytesChecked += await reader.check(source);
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'package-tampered') throw e;
      failures.push(asError(e));
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) {
    throw new ManyErrors('package-tampered', `${file}: ${failures.length} entries are damaged`, failures.slice(0, 20));
  }
  if (reader.version !== undefined) await checkRecords(reader);

  const sha256 = await hashOf(reader.archive.source);
  if (options.sha256 !== undefined && options.sha256.toLowerCase() !== sha256) {
    throw new OrdealError('package-tampered', 'The package is not the one that was meant', {
      where: file,
      expected: `SHA-256 ${options.sha256}`,
      got: sha256,
    });
  }
  return {
    file,
    bytes: reader.archive.bytes,
    sha256,
    format: reader.version === undefined ? 'SOL004' : layout.format,
    version: reader.version,
    entries: reader.archive.entries.size,
    bytesChecked,
    signature: signers.length === 0 ? 'none' : options.trust === undefined ? 'untrusted' : 'trusted',
    signers,
  };
}

/** With anchors, an unsigned package is as good as a forged one. */
export async function checkSignature(
  { file, manifest, manifestPath }: PackageReader,
  options: TrustOptions,
): Promise<readonly SignatureInfo[]> {
  const where = `${file}#${manifestPath}`;
  if (manifest.signature !== undefined) {
    const { verifyDetached } = await import('./cms-signature.js');
    return verifyDetached(manifest.body, manifest.signature, where, options);
  }
  if (options.trust === undefined) return [];
  throw new OrdealError('package-tampered', 'The package is not signed', {
    where,
    expected: 'a signature by somebody trusted',
    got: 'none',
    remedy: 'Ask its sender for a signed one, or verify it without trust anchors.',
  });
}

/** The records may only speak of what is there, with the hashes of the manifest. */
async function checkRecords(reader: PackageReader): Promise<void> {
  const record = await reader.record(layout.record, vnfSnapshot);
  const info = await reader.record(layout.info, vnfSnapshotPkgInfo);
  const hashes = new Map(reader.manifest.sources.map((s) => [s.path, s.hash]));
  const claims = [
    { path: info.vnfdInfo?.vnfdPath, hash: info.vnfdInfo?.checksum.hash },
    { path: info.vnfsr?.recordPath, hash: info.vnfsr?.checksum.hash },
    ...(info.vnfcSnapshotImages ?? []).map((i) => ({ path: i.imagePath, hash: i.checksum.hash })),
    ...(info.additionalArtifacts ?? []).map((a) => ({ path: a.artifactPath, hash: a.checksum.hash })),
  ];
  for (const { path, hash } of claims) {
    if (path === undefined || hashes.get(path) === hash) continue;
    throw new OrdealError('package-invalid', `${layout.info} contradicts the manifest about "${path}"`, {
      where: reader.file,
      expected: hashes.get(path) ?? 'no such entry',
      got: hash ?? 'no checksum',
    });
  }
  if (info.vnfSnapshotId !== record.id) {
    throw new OrdealError('package-invalid', `${layout.info} is about another VNF Snapshot`, {
      where: reader.file,
      expected: record.id,
      got: info.vnfSnapshotId ?? 'none',
    });
  }
}

async function hashOf(source: PackageSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of source.read(0, source.bytes)) hash.update(part);
  return hash.digest('hex');
}
