import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineHost } from './host.js';

const COPY_MS = 600_000;
const KEEP_ALL = ['--numeric-owner', '--xattrs', '--xattrs-include=*'];

/** Directory trees with all that a layer holds: owners, extended attributes, whiteouts, hard links. */
export class Trees {
  constructor(readonly host: EngineHost) {}

  async copy(from: string, to: string): Promise<void> {
    await mkdir(to, { recursive: true, mode: 0o700 });
    await this.host.run('cp', ['-a', '--reflink=auto', `${from}/.`, to], { timeoutMs: COPY_MS });
  }

  /** The directory itself stays: others may hold it. */
  async replace(target: string, from: string): Promise<void> {
    const script = 'find "$1" -mindepth 1 -delete && cp -a --reflink=auto "$2/." "$1"';
    await this.host.run('sh', ['-c', script, 'sh', target, from], { timeoutMs: COPY_MS });
  }

  async bytes(folder: string): Promise<number> {
    return Number((await this.host.run('du', ['-s', '-B1', folder])).split('\t')[0]);
  }

  /** @param without paths within the folder that are left out */
  async pack(folder: string, archive: string, without: readonly string[] = []): Promise<void> {
    const excluded = ['--anchored', '--no-wildcards', ...without.map((path) => `--exclude=./${path}`)];
    const args = [...KEEP_ALL, ...(without.length === 0 ? [] : excluded), '-C', folder, '-cf', archive, '.'];
    await this.host.run('tar', args, { timeoutMs: COPY_MS });
  }

  /** Files and folders of several places at the root of one archive; the folder `memory` is `checkpoint` in it. */
  async packFiles(
    archive: string,
    places: readonly { readonly folder: string; readonly names: readonly string[] }[],
  ): Promise<void> {
    const all = places.flatMap(({ folder, names }) => ['-C', folder, ...names]);
    const args = [...KEEP_ALL, '--transform=s,^memory,checkpoint,', '-cf', archive, ...all];
    await this.host.run('tar', args, { timeoutMs: COPY_MS });
  }

  async unpack(archive: string, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const args = [...KEEP_ALL, '-p', '-C', folder, '-xf', archive];
    await this.host.run('tar', args, { timeoutMs: COPY_MS });
  }
}

/** Files of one folder are on the disk when it answers. */
export async function syncFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(folder, entry.name), 'r');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
