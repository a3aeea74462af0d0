import { readFile } from 'node:fs/promises';
import { expect } from '@playwright/test';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { containerSample } from './container-sample.js';

/** A process that holds a lock of each kind on a file of the volume, beside the sample's own. */
const locker = `# ordeal-locker
  open(F, ">>/data/flock") or die; flock(F, 2) or die;
  open(P, ">>/data/fcntl") or die; $whole = pack("s! s! x4 l! l! i x4", 1, 0, 0, 0, 0); fcntl(P, 6, $whole) or die;
  sleep 3600 while 1;`;
const command = ['/bin/sh', '-c', `/bin/perl -e '${locker}' & exec /bin/perl /bin/vnfc`];

interface Lock {
  readonly kind: string;
  readonly pid: number;
}

/** What the kernel itself lists of the lockers that run: https://man7.org/linux/man-pages/man5/proc_locks.5.html */
async function locks(): Promise<Lock[]> {
  const held: Lock[] = [];
  for (const line of (await readFile('/proc/locks', 'utf8')).trim().split('\n')) {
    const [, kind = '', , , pid = ''] = line.split(/ +/);
    const run = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (run.startsWith('/bin/perl') && run.includes('ordeal-locker')) held.push({ kind, pid: Number(pid) });
  }
  return held.sort((a, b) => a.kind.localeCompare(b.kind));
}
const kinds = async () => (await locks()).map((l) => l.kind);

/** Locks that were held when a container was captured, and given up since, are held again after its reversion. */
export async function revertLocks(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host, { names: ['subject'], command });
  await expect.poll(kinds).toEqual(['FLOCK', 'POSIX']);
  const [{ pid: before = 0 } = {}] = await locks();
  const compute = await s.vim.locate(s.subject);
  const { id } = await (await s.vim.snapshots.capture(compute, { name: 'locked', type: 'warm' })).store();
  expect(await kinds(), 'the capture leaves them').toEqual(['FLOCK', 'POSIX']);
  process.kill(before, 'SIGKILL');
  await expect.poll(kinds, 'they end with their process').toEqual([]);
  await s.vim.snapshots.revert(compute, id);
  await expect.poll(kinds, 'as they were').toEqual(['FLOCK', 'POSIX']);
  expect((await locks()).map((l) => l.pid)).not.toContain(before);
}
