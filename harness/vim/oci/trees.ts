import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { allEnded } from '../../util/settled.js';
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
    return (await this.bytesOf(folder)).get('') ?? 0;
  }

  /** Of the folder, by the name '', and of each folder in it. */
  async bytesOf(folder: string): Promise<ReadonlyMap<string, number>> {
    const lines = (await this.host.run('du', ['-d1', '-B1', folder])).trimEnd().split('\n');
    return new Map(
      lines.map((line) => {
        const tab = line.indexOf('\t');
        return [line.slice(tab + 1 + folder.length).replace(/^\//, ''), Number(line.slice(0, tab))];
      }),
    );
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
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  await allEnded(files.map(({ name }) => syncFile(join(folder, name))));
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
