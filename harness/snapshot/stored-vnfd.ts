import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { type LocatedService, type Vnf, vnf as vnfDescriptor } from '../model/network-service.js';
import { classifyIo, OrdealError } from '../util/errors.js';

/** A VNFD is text of some kilobytes; one with artefacts belongs into a VNF Package. */
const mostBytes = 4 << 20;

/**
 * What a VNF Snapshot keeps of its VNF's description (clause 4.1.1.4, note 1): the VNF's part of the service descriptor, and
 * the VNFD itself, virtual links included, byte for byte as it was then.
 */
export const storedVnfd = z.object({
  descriptor: vnfDescriptor,
  files: z.array(z.object({ path: z.string(), base64: z.string() })),
});
export type StoredVnfd = z.output<typeof storedVnfd>;

/** @throws OrdealError of kind file-missing or file-invalid: the descriptor names a VNFD that is not there or too large */
export async function readVnfd({ folder }: LocatedService, descriptor: Vnf): Promise<StoredVnfd> {
  if (descriptor.vnfd === undefined) return { descriptor, files: [] };
  const root = resolve(folder, descriptor.vnfd);
  const files: StoredVnfd['files'] = [];
  let bytes = 0;
  const read = async (file: string, path: string): Promise<void> => {
    const stats = await lstat(file).catch((e) => Promise.reject(classifyIo(e, file)));
    if (stats.isDirectory()) {
      for (const name of (await readdir(file)).sort())
        await read(join(file, name), path === '' ? name : `${path}/${name}`);
      return;
    }
    bytes += stats.size;
    if (!stats.isFile() || bytes > mostBytes) {
      throw new OrdealError('file-invalid', 'The VNFD cannot be kept with the snapshot', {
        where: file,
        expected: `files, ${mostBytes >> 20} MiB at most`,
        got: stats.isFile() ? `${bytes} bytes` : 'something else than a file',
        remedy: 'Nothing was touched.',
      });
    }
    files.push({ path: path === '' ? basename(file) : path, base64: (await readFile(file)).toString('base64') });
  };
  await read(root, '');
  return { descriptor, files };
}
