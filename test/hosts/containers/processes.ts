import { readdir, readFile } from 'node:fs/promises';

export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw e;
  }
}

/** Idempotent. */
export function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
  }
}

/** Processes of the machine whose command line has both in it. */
export async function processesWith(what: string, folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
      return command.includes(what) && command.includes(folder) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
