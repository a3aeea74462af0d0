import yauzl from 'yauzl';
import { instanceSnapshot, vnfSnapshot } from '../model/snapshot.js';
import { OrdealError } from '../util/errors.js';
import { type Difference, differences } from './differences.js';
import type { Identity } from './keys.js';
import { imagePath, layout } from './layout.js';
import type { SnapshotImageInfo } from './package-info.js';
import { type OpenOptions, PackageReader } from './package-reader.js';
import { comparePages, type PageDifference } from './page-diff.js';
import { PlainContent } from './plain-content.js';

export interface DiffOptions extends OpenOptions {
  /** To compare what is encrypted. */
  readonly identities?: readonly Identity[];
  /** How many runs of pages are listed for each image; the count is always whole. Default: 1000. */
  readonly mostRuns?: number;
}

export interface FileChange {
  readonly path: string;
  readonly change: 'only-in-a' | 'only-in-b' | 'changed';
}

export interface ImageDiff {
  readonly name: string;
  readonly role: string;
  readonly change: 'none' | 'only-in-a' | 'only-in-b' | 'changed';
  readonly sizeA?: number;
  readonly sizeB?: number;
  /** Where the images differ. */
  readonly pages?: PageDifference;
  /** Why the pages could not be compared. */
  readonly reason?: string;
}

export interface VnfcDiff {
  readonly id: string;
  readonly change: 'none' | 'only-in-a' | 'only-in-b' | 'changed';
  readonly record: readonly Difference[];
  readonly images: readonly ImageDiff[];
}

/** Plain data. `vnfInfo` is the runtime record with the state of virtual links and connection points (clause 6.1.1). */
export interface PackageDiff {
  readonly a: { readonly file: string; readonly vnfSnapshotId: string };
  readonly b: { readonly file: string; readonly vnfSnapshotId: string };
  readonly vnfd: { readonly equal: boolean; readonly files: readonly FileChange[] };
  readonly vnfInfo: readonly Difference[];
  readonly record: readonly Difference[];
  readonly vnfcs: readonly VnfcDiff[];
  readonly artifacts: readonly FileChange[];
}

interface Side {
  readonly reader: PackageReader;
  readonly content: PlainContent;
  readonly images: ReadonlyMap<string, SnapshotImageInfo>;
}

/**
 * What is different between two VNF Snapshot Packages: for a forensic one and the one from before the fault, what the
 * fault did. Images are streamed side by side; those with the same hash are not read at all.
 * @throws OrdealError as `showPackage`; of kind `package-tampered` when an image that is read is not sound
 */
export async function diffPackages(fileA: string, fileB: string, options: DiffOptions = {}): Promise<PackageDiff> {
  await using readerA = await PackageReader.open(fileA, options);
  await using readerB = await PackageReader.open(fileB, options);
  const a = await sideOf(readerA, options);
  const b = await sideOf(readerB, options);
  const recordA = await readerA.record(layout.record, vnfSnapshot);
  const recordB = await readerB.record(layout.record, vnfSnapshot);
  const { vnfInstance: infoA, ...restA } = recordA;
  const { vnfInstance: infoB, ...restB } = recordB;
  return {
    a: { file: fileA, vnfSnapshotId: recordA.id },
    b: { file: fileB, vnfSnapshotId: recordB.id },
    vnfd: await vnfdDiff(a, b),
    vnfInfo: differences(infoA, infoB),
    record: differences(restA, restB),
    vnfcs: await vnfcDiffs(a, b, options),
    artifacts: artifactChanges(a, b),
  };
}

async function sideOf(reader: PackageReader, { identities }: DiffOptions): Promise<Side> {
  const content = await PlainContent.of(reader, identities);
  const infos = content.info?.vnfcSnapshotImages ?? [];
  return { reader, content, images: new Map(infos.map((i) => [imagePath(i.vnfcInstanceId, i.name), i])) };
}

async function vnfcDiffs(a: Side, b: Side, options: DiffOptions): Promise<VnfcDiff[]> {
  const ids = (side: Side) => [...side.images.values()].map((i) => i.vnfcInstanceId);
  const diffs: VnfcDiff[] = [];
  for (const id of new Set([...ids(a), ...ids(b)])) {
    const recordPath = imagePath(id, layout.vnfcRecord);
    const isIn = (side: Side) => side.reader.entry(recordPath) !== undefined;
    if (!isIn(a) || !isIn(b)) {
      diffs.push({ id, change: isIn(a) ? 'only-in-a' : 'only-in-b', record: [], images: [] });
      continue;
    }
    const record = differences(
      await a.reader.record(recordPath, instanceSnapshot),
      await b.reader.record(recordPath, instanceSnapshot),
    );
    const images: ImageDiff[] = [];
    const prefix = imagePath(id, '');
    for (const path of new Set([...a.images.keys(), ...b.images.keys()])) {
      if (path.startsWith(prefix)) images.push(await imageDiff(a, b, path, options));
    }
    const isSame = images.every((i) => i.change === 'none');
    diffs.push({ id, change: isSame ? 'none' : 'changed', record, images });
  }
  return diffs;
}

async function imageDiff(a: Side, b: Side, path: string, { mostRuns }: DiffOptions): Promise<ImageDiff> {
  const one = a.images.get(path);
  const other = b.images.get(path);
  const named = one ?? other;
  const base = {
    name: named?.name ?? path,
    role: String(named?.userMetadata?.role ?? 'image'),
    ...(one === undefined ? {} : { sizeA: one.size }),
    ...(other === undefined ? {} : { sizeB: other.size }),
  };
  if (one?.imagePath === undefined) return { ...base, change: 'only-in-b' };
  if (other?.imagePath === undefined) return { ...base, change: 'only-in-a' };
  if (one.checksum.hash === other.checksum.hash) return { ...base, change: 'none' };
  const isClosed = (side: Side, image: SnapshotImageInfo) => image.isEncrypted && side.content.identities.length === 0;
  if (isClosed(a, one) || isClosed(b, other))
    return { ...base, change: 'changed', reason: 'encrypted, and no key was given' };
  const pages = await comparePages(a.content.openPlain(one.imagePath), b.content.openPlain(other.imagePath), mostRuns);
  return pages.differ === 0 ? { ...base, change: 'none' } : { ...base, change: 'changed', pages };
}

function artifactChanges(a: Side, b: Side): FileChange[] {
  const hashes = ({ content }: Side) =>
    new Map(
      (content.info?.additionalArtifacts ?? []).map((it) => [
        (it.artifactPath ?? it.artifactUri ?? '').replace(it.isEncrypted ? /(\.gz)?\.cms$/ : /$^/, ''),
        it.checksum.hash,
      ]),
    );
  return changes(hashes(a), hashes(b));
}

function changes(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): FileChange[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((path): FileChange[] => {
    if (!b.has(path)) return [{ path, change: 'only-in-a' }];
    if (!a.has(path)) return [{ path, change: 'only-in-b' }];
    return a.get(path) === b.get(path) ? [] : [{ path, change: 'changed' }];
  });
}

async function vnfdDiff(a: Side, b: Side): Promise<PackageDiff['vnfd']> {
  const one = a.content.info?.vnfdInfo;
  const other = b.content.info?.vnfdInfo;
  if (one?.checksum.hash === other?.checksum.hash) return { equal: true, files: [] };
  const files = changes(await vnfdFiles(a), await vnfdFiles(b));
  return { equal: files.length === 0, files };
}

/** What the VNFD archive holds, by its directory; an archive that is closed to us counts as one file. */
async function vnfdFiles({ content }: Side): Promise<Map<string, string>> {
  const { vnfdInfo } = content.info ?? {};
  if (vnfdInfo?.vnfdPath === undefined) return new Map();
  const whole = new Map([[layout.vnfd, vnfdInfo.checksum.hash]]);
  if (vnfdInfo.isEncrypted && content.identities.length === 0) return whole;
  const bytes = await content.bytesOf(vnfdInfo.vnfdPath);
  const files = new Map<string, string>();
  try {
    const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) files.set(entry.fileName, `${entry.crc32}:${entry.uncompressedSize}`);
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    return whole; // not a ZIP that can be read: compared as a whole
  }
  return files;
}
