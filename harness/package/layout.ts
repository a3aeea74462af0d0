import { OrdealError } from '../util/errors.js';

/**
 * Where things lie in a VNF Snapshot Package. The roles of the files are SOL010's as far as SOL003 and SOL005 cite it;
 * the names are ours, and every one of them stands in the package information, so that no reader has to guess.
 */
export const layout = {
  format: 'ordeal.vnf-snapshot-package',
  version: 1,
  manifest: 'manifest.mf',
  record: 'vnfsr.json',
  info: 'vnf-snapshot-package-info.json',
  vnfd: 'vnfd.zip',
  images: 'images/',
  vnfcRecord: 'record.json',
  artifacts: 'artifacts/',
  mediaType: 'application/zip',
} as const;

export const imagePath = (vnfcId: string, name: string): string => `${layout.images}${vnfcId}/${name}`;

/** What a reader accepts at most, so that a hostile file cannot exhaust it. */
export const caps = {
  entries: 20_000,
  /** Manifest and JSON records: these are held in memory. */
  recordBytes: 16 * 1024 * 1024,
  pathBytes: 512,
  /** All entries together, uncompressed; the caller may raise it. */
  totalBytes: 256 * 1024 ** 3,
  /** Deflate cannot do better than 1032 to 1; more is a lie about the size. */
  inflation: 1032,
} as const;

/**
 * A path of a package begins with its first segment, has no `.` or `..`, and is the same file on every system.
 * @returns the reason why it is refused, or undefined
 */
export function pathFault(path: string): string | undefined {
  if (path === '') return 'the path is empty';
  if (Buffer.byteLength(path) > caps.pathBytes) return `the path is longer than ${caps.pathBytes} bytes`;
  if (path.startsWith('/') || /(^|\/)[A-Za-z]:/.test(path)) return 'the path is absolute';
  if (path.includes('\\')) return 'the path has a backslash';
  if ([...path].some((c) => c < ' ' || c === '\u007f')) return 'the path has a control character';
  const segments = path.split('/');
  if (segments.includes('..')) return 'the path leaves the package';
  if (segments.includes('.') || segments.includes('')) return 'the path does not begin with its first segment';
  return undefined;
}

/** @throws OrdealError of kind `package-invalid` */
export function checkedPath(path: string, where: string): string {
  const fault = pathFault(path);
  if (fault !== undefined) {
    throw new OrdealError('package-invalid', `Entry ${JSON.stringify(path.slice(0, 200))} is refused`, {
      where,
      expected: 'a relative path of letters, digits and the like, such as artifacts/run.json',
      got: fault,
    });
  }
  return path;
}
