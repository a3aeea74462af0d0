import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { shell } from '../libvirt/shell.js';
import { end } from './processes.js';

const hierarchies = '/sys/fs/cgroup';

async function foldersOf(name: string): Promise<string[]> {
  const text = await shell('find', [hierarchies, '-maxdepth', '3', '-type', 'd', '-name', name]);
  const tops = text.split('\n').filter((line) => line !== '');
  const all = await Promise.all(tops.map((top) => shell('find', [top, '-depth', '-type', 'd'])));
  return all.flatMap((lines) => lines.split('\n').filter((line) => line !== ''));
}

/** Frozen or not: a process that is frozen dies when it is thawed. */
export async function endCgroup(name: string): Promise<void> {
  const folders = await foldersOf(name);
  const left = async () => {
    const pids = await Promise.all(folders.map((f) => readFile(join(f, 'cgroup.procs'), 'utf8').catch(() => '')));
    return [
      ...new Set(
        pids
          .join('\n')
          .split('\n')
          .filter((pid) => pid !== ''),
      ),
    ].map(Number);
  };
  await until(
    `the processes of cgroup ${name} have ended`,
    async () => {
      const pids = await left();
      for (const pid of pids) end(pid);
      for (const f of folders) {
        await writeFile(join(f, 'freezer.state'), 'THAWED').catch(() => undefined);
        await writeFile(join(f, 'cgroup.freeze'), '0').catch(() => undefined);
      }
      return pids.length === 0;
    },
    { withinMs: 20_000, everyMs: 50 },
  );
}

export async function removeCgroup(name: string): Promise<void> {
  for (const folder of await foldersOf(name)) await shell('rmdir', [folder]).catch(() => undefined);
}
