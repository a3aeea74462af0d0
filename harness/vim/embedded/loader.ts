import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { type Prepared, prepare } from './prepare.js';

/** Part of the name in the cache: what an older loader made is not what this one needs. */
const loaderVersion = 1;

export interface LoadedModule {
  /** SHA-256 of the module as its vendor delivered it: snapshots refer to it by this name. */
  readonly sha256: string;
  /** The module as the host runs it. */
  readonly file: string;
  readonly initialPages: number;
  /** What the module itself declares as its maximum; 65,536 when it declares none. */
  readonly maximumPages: number;
}

/** Where the prepared module with this hash lies, whether it is there or not. */
export const preparedFile = (cacheFolder: string, sha256: string, extension: 'wasm' | 'json' = 'wasm'): string =>
  join(cacheFolder, `${sha256}.v${loaderVersion}.${extension}`);

/**
 * Checks a module against REACTOR.md and prepares it for snapshots, once for each content: the result is kept.
 * @throws OrdealError of kind file-missing, or module-invalid with the name of what is wrong
 */
export async function loadModule(source: string, cacheFolder: string): Promise<LoadedModule> {
  const bytes = await read(source);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const known = await findPrepared(cacheFolder, sha256);
  if (known !== undefined) return known;
  const prepared = await preparedOnce(source, bytes, sha256);
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const { binary, ...limits } = prepared;
  await writeAtomically(preparedFile(cacheFolder, sha256), binary);
  await writeAtomically(preparedFile(cacheFolder, sha256, 'json'), JSON.stringify(limits));
  return { sha256, file: preparedFile(cacheFolder, sha256), ...limits };
}

/** By the hash of their content. VNFCs of one kind boot side by side, and a process may use more than one state folder. */
const preparing = new Map<string, Promise<Prepared>>();

function preparedOnce(source: string, bytes: Buffer, sha256: string): Promise<Prepared> {
  const known = preparing.get(sha256);
  if (known !== undefined) return known;
  const made = prepare(source, bytes);
  preparing.set(sha256, made);
  // Refused under this name; under another it is refused anew.
  made.catch(() => preparing.delete(sha256));
  return made;
}

/** A module that was prepared before, by the hash that a snapshot refers to. */
export async function findPrepared(cacheFolder: string, sha256: string): Promise<LoadedModule | undefined> {
  try {
    const limits = JSON.parse(await readFile(preparedFile(cacheFolder, sha256, 'json'), 'utf8'));
    return { sha256, file: preparedFile(cacheFolder, sha256), ...limits };
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return undefined;
    throw e;
  }
}

async function read(source: string): Promise<Buffer> {
  try {
    return await readFile(source);
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT')
      throw new OrdealError('file-invalid', 'The module cannot be read', { where: source, cause: e });
    throw new OrdealError('file-missing', 'No such WebAssembly module', {
      where: source,
      remedy: 'Build it (the sample services: npm run build), or correct `deployment.module`; nothing was started.',
    });
  }
}
