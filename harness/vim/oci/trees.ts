import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineHost } from './host.js';

const COPY_MS = 600_000;

/** Directory trees with all that a layer holds: owners, extended attributes, whiteouts, hard links. */
export class Trees {
  constructor(readonly host: EngineHost) {}

  async copy(from: string, to: string): Promise<void> {
    await mkdir(to, { recursive: true, mode: 0o700 });
    await this.host.run('cp', ['-a', '--reflink=auto', `${from}/.`, to], { timeoutMs: COPY_MS });
  }

  /** The directory itself stays: others may hold it. */
  async replace(target: string, from: string): Promise<void> {
    await this.host.run('find', [target, '-mindepth', '1', '-delete'], { timeoutMs: COPY_MS });
    await this.copy(from, target);
  }

  async bytes(folder: string): Promise<number> {
    return Number((await this.host.run('du', ['-s', '-B1', folder])).split('\t')[0]);
  }

  async pack(folder: string, archive: string): Promise<void> {
    const args = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '-C', folder, '-cf', archive, '.'];
    await this.host.run('tar', args, { timeoutMs: COPY_MS });
  }

  async unpack(archive: string, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const args = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '-p', '-C', folder, '-xf', archive];
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
