import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../../../util/errors.js';
import type { OciContainer } from '../../oci/engine.js';
import type { Archives, Change } from './archives.js';

/** Which file or directory of the container each of the tars `<n>.tar` is. */
export const INDEX = 'index.json';
const index = z.array(z.string());

export const archiveIn = (location: string, n: number): string => join(location, 'files', `${n}.tar`);
export const dumpIn = (location: string): string => join(location, 'memory.tar');

export const pathsIn = async (location: string): Promise<readonly string[]> =>
  index.parse(JSON.parse(await readFile(join(location, INDEX), 'utf8')));

/** What was changed in the layer, and the volumes as a whole. Prerequisite: nothing of it runs. */
export async function fetchFiles(archives: Archives, container: OciContainer, location: string): Promise<void> {
  const inLayer = topmost(await archives.changesOf(container), await archives.mountsOf(container));
  const paths = [...inLayer, ...container.volumes.map((v) => v.destination)];
  await mkdir(join(location, 'files'), { mode: 0o700 });
  await writeFile(join(location, INDEX), JSON.stringify(paths), { mode: 0o600 });
  for (const [n, path] of paths.entries()) await archives.fetch(container, path, archiveIn(location, n));
}

export async function putFiles(archives: Archives, container: OciContainer, location: string): Promise<void> {
  for (const [n, path] of (await pathsIn(location)).entries()) {
    await archives.put(container, archiveIn(location, n), path);
  }
}

/** Of the dump, where it is given away, and of all. */
export async function bytesIn(location: string): Promise<{ memory: number; all: number }> {
  const memory = await bytesOf(dumpIn(location));
  const files = await Promise.all((await pathsIn(location)).map((_, n) => bytesOf(archiveIn(location, n))));
  return { memory, all: files.reduce((sum, bytes) => sum + bytes, memory) };
}

/** 0 where there is no such file. */
async function bytesOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return 0;
    throw e;
  }
}

/** Of what was changed: no directory that is there only for what lies in it, nothing in one that is taken as a whole. */
export function topmost(changes: readonly Change[], mounts: readonly string[]): string[] {
  const there = changes.filter((c) => !c.isDeleted).map((c) => c.path);
  const isIn = (path: string, folder: string) => path.startsWith(`${folder}/`);
  return there.filter(
    (path) =>
      !there.some((other) => isIn(other, path)) && !mounts.some((m) => m === path || isIn(m, path) || isIn(path, m)),
  );
}
