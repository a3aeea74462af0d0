import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { shell } from '../../libvirt/shell.js';

/** An image as `docker save` writes it, of one layer: no registry is asked for anything. */
export interface ImageRecipe {
  /** docker.io/library/busybox:1.37 */
  readonly reference: string;
  /** Writes the root file system as a tar. */
  readonly layer: (archive: string) => Promise<void>;
  readonly entrypoint: readonly string[];
}

export async function writeImage(archive: string, { reference, layer, entrypoint }: ImageRecipe): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ordeal-image-'));
  try {
    await layer(join(folder, 'layer.tar'));
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, 'layer.tar')), hash);
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: entrypoint, Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${hash.digest('hex')}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await shell('tar', ['-C', folder, '-cf', `${archive}.part`, 'manifest.json', 'config.json', 'layer.tar']);
    await rename(`${archive}.part`, archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Debian's static busybox alone. */
export const busyboxLayer = (archive: string): Promise<void> =>
  writeLayer(archive, async (root) => {
    await cp((await shell('sh', ['-c', 'command -v busybox'])).trim(), join(root, 'bin/busybox'));
    await shell('busybox', ['sh', '-c', 'for a in $(busybox --list); do ln -s busybox "$1/bin/$a"; done', 'sh', root]);
  });

/** The Node.js that runs this, with the libraries that it needs, and one program. */
export const nodeLayer =
  (program: string, at: string) =>
  (archive: string): Promise<void> =>
    writeLayer(archive, async (root) => {
      await cp(process.execPath, join(root, 'bin/node'), { dereference: true });
      for (const library of (await shell('ldd', [process.execPath])).match(/\/[^\s)]+/g) ?? []) {
        await mkdir(join(root, dirname(library)), { recursive: true });
        await cp(library, join(root, library), { dereference: true });
      }
      await mkdir(join(root, dirname(at)), { recursive: true });
      await cp(program, join(root, at));
    });

async function writeLayer(archive: string, fill: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'ordeal-layer-'));
  try {
    for (const name of ['bin', 'tmp', 'proc', 'sys', 'dev', 'etc']) await mkdir(join(root, name));
    await fill(root);
    await shell('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', root, '-cf', archive, '.']);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
