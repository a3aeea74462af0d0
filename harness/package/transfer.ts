import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { writeAtomically } from '../util/atomic-file.js';
import { asError, classifyIo, OrdealError } from '../util/errors.js';
import { HashTap } from './archive-writer.js';
import { layout } from './layout.js';
import type { PackageSource } from './package-source.js';

export interface Transferred {
  /** SHA-256 of what passed by, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

const isUrl = (location: string): boolean => /^https?:\/\//.test(location);

/**
 * Copies a package from a file, a URL or the repository to a file or a URL (http, https: GET and PUT), as a stream. A file
 * appears whole or not at all.
 * @throws OrdealError of kind `file-missing`, `no-space`, `interrupted`, or `vim-unreachable`: the other side of a URL
 */
export async function transfer(from: string | PackageSource, to: string, signal?: AbortSignal): Promise<Transferred> {
  const tap = new HashTap();
  try {
    if (isUrl(to)) await put(from, to, tap, signal);
    else await writeAtomically(to, async (file) => receive(await sourceOf(from, signal), tap, file, signal));
  } catch (e) {
    if (signal?.aborted) throw new OrdealError('interrupted', 'The transfer was stopped', { where: to, cause: e });
    if (isSourceError(e) && typeof from === 'string') throw classifyIo(e, from);
    throw e instanceof OrdealError ? e : classifyIo(e, to);
  }
  return { sha256: tap.digest(), bytes: tap.bytes };
}

async function sourceOf(from: string | PackageSource, signal: AbortSignal | undefined): Promise<Readable> {
  if (typeof from !== 'string') return Readable.from(from.read(0, from.bytes), { objectMode: false });
  if (isUrl(from)) return get(from, signal);
  return (await open(from, 'r')).createReadStream({ highWaterMark: 1024 * 1024 });
}

async function receive(source: Readable, tap: HashTap, file: FileHandle, signal?: AbortSignal): Promise<void> {
  const drain = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await file.writeFile(chunk);
  };
  await pipeline(source, tap, drain, signal === undefined ? {} : { signal });
}

/** Only reading fails for want of a file, or because it is a folder. */
const isSourceError = (e: unknown): boolean =>
  e instanceof Error && 'syscall' in e && (e.syscall === 'read' || e.syscall === 'open') && !('dest' in e);

async function get(url: string, signal?: AbortSignal): Promise<Readable> {
  const response = await reach(url, { ...(signal === undefined ? {} : { signal }) });
  if (!response.ok || response.body === null) throw refused(url, 'GET', response.status);
  return Readable.fromWeb(response.body);
}

async function put(from: string | PackageSource, url: string, tap: HashTap, signal?: AbortSignal): Promise<void> {
  const source = await sourceOf(from, signal);
  const broken: { cause?: Error } = {};
  source.on('error', (e) => {
    broken.cause = e;
    tap.destroy(e);
  });
  const init = { method: 'PUT', body: source.pipe(tap), duplex: 'half', signal };
  const headers = { 'content-type': layout.mediaType };
  try {
    const response = await reach(url, { ...init, headers } as unknown as RequestInit);
    if (!response.ok) throw refused(url, 'PUT', response.status);
  } catch (e) {
    // A body that breaks off makes the request fail: what broke is said, not that the other side was not reached.
    throw broken.cause ?? e;
  } finally {
    source.destroy();
  }
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (e) {
    throw new OrdealError('vim-unreachable', 'The other side of the transfer cannot be reached', {
      where: url,
      cause: asError(e).cause ?? e,
    });
  }
}

const refused = (where: string, method: string, status: number): OrdealError =>
  new OrdealError(status === 404 ? 'file-missing' : 'vim-unreachable', `The other side refused the ${method}`, {
    where,
    expected: 'status 200 to 299',
    got: `status ${status}`,
  });
