import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { shell } from '../../libvirt/shell.js';

const PAGE = 4096;
const LARGEST = 256 * 2 ** 20;

/**
 * What stands for CRIU: the writable memory of a process that stands still meanwhile, all pages that are not empty. It is
 * real memory in an archive laid out as a kubelet's is; no runtime could restore from it.
 * @param spec what the archive says about the pod
 */
export async function archiveMemory(pid: number, archive: string, spec: unknown): Promise<void> {
  const folder = `${archive}.parts`;
  await mkdir(join(folder, 'checkpoint'), { recursive: true });
  try {
    process.kill(pid, 'SIGSTOP');
    try {
      await copyPages(pid, join(folder, 'checkpoint'));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await writeFile(join(folder, 'spec.dump'), JSON.stringify(spec));
    await writeFile(join(folder, 'config.dump'), JSON.stringify({ runtime: 'played by the tests' }));
    await shell('tar', ['-C', folder, '-cf', `${archive}.part`, 'spec.dump', 'config.dump', 'checkpoint']);
    await rename(`${archive}.part`, archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copyPages(pid: number, folder: string): Promise<void> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  const memory = await open(`/proc/${pid}/mem`, 'r');
  const pages = createWriteStream(join(folder, 'pages-1.img'), { mode: 0o600 });
  const index: string[] = [];
  const empty = Buffer.alloc(PAGE);
  try {
    for (const [, from = '', to = ''] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw-p .*$/gm)) {
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      if (end - start > LARGEST) continue;
      const region = Buffer.alloc(end - start);
      const { bytesRead } = await memory.read(region, 0, region.length, start).catch((e: NodeJS.ErrnoException) => {
        // A region that is there and cannot be read is a device's.
        if (e.code === 'EIO' || e.code === 'EFAULT') return { bytesRead: 0 };
        throw e;
      });
      for (let at = 0; at < bytesRead; at += PAGE) {
        const page = region.subarray(at, at + PAGE);
        if (page.equals(empty)) continue;
        pages.write(page);
        index.push((start + at).toString(16));
      }
    }
  } finally {
    await memory.close();
    pages.end();
    await finished(pages);
  }
  await writeFile(join(folder, 'pagemap-1.txt'), index.join('\n'));
}
