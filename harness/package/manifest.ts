import { OrdealError } from '../util/errors.js';

/**
 * The manifest of SOL004: a `metadata:` block, then Source, Algorithm and Hash of every file, then, when it is signed,
 * a CMS signature over all that stands before it.
 */
export interface Manifest {
  readonly metadata: ReadonlyMap<string, string>;
  readonly sources: readonly ManifestSource[];
  /** Exactly the bytes that the signature covers. */
  readonly body: Buffer;
  /** PEM, from BEGIN CMS to END CMS; undefined when the manifest is not signed. */
  readonly signature: string | undefined;
}

export interface ManifestSource {
  readonly path: string;
  readonly algorithm: HashAlgorithm;
  /** Lower-case hex. */
  readonly hash: string;
}

export type HashAlgorithm = 'SHA-256' | 'SHA-512';

const digits: Readonly<Record<HashAlgorithm, number>> = { 'SHA-256': 64, 'SHA-512': 128 };

/** The name that node:crypto has for it. */
export const digestName = (algorithm: HashAlgorithm): string => algorithm.replace('-', '').toLowerCase();

export function manifestText(metadata: ReadonlyMap<string, string>, sources: readonly ManifestSource[]): string {
  const head = ['metadata:', ...[...metadata].map(([key, value]) => `  ${key}: ${value}`)];
  const files = sources.map((s) => `Source: ${s.path}\nAlgorithm: ${s.algorithm}\nHash: ${s.hash}`);
  return `${[head.join('\n'), ...files].join('\n\n')}\n`;
}

const cmsBegin = '-----BEGIN CMS-----';
const cmsEnd = '-----END CMS-----';

/**
 * Reads what is found in the field too: CRLF, no blank lines between the files, other capitals, keys that we do not
 * know, text after the signature that is only blank.
 * @throws OrdealError of kind `package-invalid`, naming the line
 */
export function parseManifest(bytes: Buffer, where: string): Manifest {
  const at = signatureStart(bytes);
  const body = at < 0 ? bytes : bytes.subarray(0, at);
  const signature = at < 0 ? undefined : signatureBlock(bytes.subarray(at).toString('latin1'), where);
  const metadata = new Map<string, string>();
  const sources: (Partial<ManifestSource> & { path: string; line: number })[] = [];
  let inMetadata = false;

  for (const [index, raw] of body.toString('utf8').split(/\r?\n/).entries()) {
    const line = raw.trimEnd();
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const refuse = (expected: string) =>
      new OrdealError('package-invalid', 'The manifest cannot be read', {
        where: `${where}:${index + 1}`,
        expected,
        got: JSON.stringify(line.slice(0, 120)),
      });
    const pair = /^(\s*)(?:-\s+)?([^:]+?)\s*:\s*(.*)$/.exec(line);
    if (pair === null) throw refuse('"key: value"');
    const [, indent = '', key = '', value = ''] = pair;
    const current = sources.at(-1);
    switch (key.toLowerCase()) {
      case 'metadata':
        inMetadata = true;
        break;
      case 'source':
        inMetadata = false;
        if (value === '') throw refuse('the path of a file after "Source:"');
        sources.push({ path: value, line: index + 1 });
        break;
      case 'algorithm': {
        const algorithm = algorithmOf(value);
        if (current === undefined || algorithm === undefined) throw refuse('SHA-256 or SHA-512, after a Source');
        sources[sources.length - 1] = { ...current, algorithm };
        break;
      }
      case 'hash':
        if (current === undefined || !/^[0-9a-f]+$/i.test(value)) throw refuse('a hash in hex, after a Source');
        sources[sources.length - 1] = { ...current, hash: value.toLowerCase() };
        break;
      default:
        if (inMetadata && indent !== '') metadata.set(key, value);
    }
  }
  return { metadata, sources: complete(sources, where), body, signature };
}

function complete(
  sources: readonly (Partial<ManifestSource> & { path: string; line: number })[],
  where: string,
): ManifestSource[] {
  const seen = new Set<string>();
  return sources.map(({ path, algorithm, hash, line }) => {
    const refuse = (expected: string, got: string) =>
      new OrdealError('package-invalid', `The manifest cannot be read`, { where: `${where}:${line}`, expected, got });
    if (seen.has(path)) throw refuse('every Source once', `"${path}" twice`);
    seen.add(path);
    if (algorithm === undefined) throw refuse(`an Algorithm for "${path}"`, 'none');
    if (hash?.length !== digits[algorithm]) {
      throw refuse(`a Hash of ${digits[algorithm]} hex digits for "${path}"`, hash ? `${hash.length} digits` : 'none');
    }
    return { path, algorithm, hash };
  });
}

function algorithmOf(value: string): HashAlgorithm | undefined {
  const plain = value.toUpperCase().replace(/[-_ ]/g, '');
  if (plain === 'SHA256') return 'SHA-256';
  if (plain === 'SHA512') return 'SHA-512';
  return undefined;
}

/** The block begins a line of its own; a path or a value that merely contains the words does not end the manifest. */
function signatureStart(bytes: Buffer): number {
  for (let at = bytes.indexOf(cmsBegin); at >= 0; at = bytes.indexOf(cmsBegin, at + 1)) {
    if (at === 0 || bytes[at - 1] === 0x0a) return at;
  }
  return -1;
}

function signatureBlock(text: string, where: string): string {
  const end = text.indexOf(cmsEnd);
  if (end < 0 || text.slice(end + cmsEnd.length).trim() !== '') {
    throw new OrdealError('package-invalid', 'The signature block of the manifest cannot be read', {
      where,
      expected: `${cmsEnd} as the last line`,
      got: end < 0 ? 'none' : 'text after it, which nothing vouches for',
    });
  }
  return `${text.slice(0, end + cmsEnd.length)}\n`;
}
