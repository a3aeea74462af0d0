import { writersOf } from '../store/write-locks.js';
import { sleep, until } from '../util/deadline.js';
import { errnoOf } from '../util/errors.js';

/** Two looks so far apart that no write which goes on is met twice, in milliseconds. */
const apartMs = 50;
const looks = 3;

export interface FenceOptions {
  /** Default: what the kernel lists. */
  readonly writers?: (stateFolder: string) => readonly number[];
  readonly kill?: (pid: number) => void;
  /** How long the kernel may take to end a process and to give its locks back, in milliseconds; default 2 s. */
  readonly endMs?: number;
}

/**
 * Prerequisite: the process holds or guards a run, and is to be taken over or replaced. When it was stopped in the middle of
 * a write, it keeps everybody else from writing for as long as it stands still, and nothing can be given back: then it is
 * ended (SIGKILL). What it had not committed is undone by the database. Any other process is left alone.
 * @returns whether it was ended
 */
export async function endIfItBlocks(
  stateFolder: string,
  pid: number,
  { writers = writersOf, kill = killAtOnce, endMs = 2000 }: FenceOptions = {},
): Promise<boolean> {
  if (pid === process.pid) return false;
  for (let look = 0; look < looks; look++) {
    if (look > 0) await sleep(apartMs);
    if (!writers(stateFolder).includes(pid)) return false;
  }
  kill(pid);
  await until(`The end of process ${pid}`, () => !writers(stateFolder).includes(pid), { withinMs: endMs });
  return true;
}

function killAtOnce(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    // It has ended in the meantime.
    if (errnoOf(e) !== 'ESRCH') throw e;
  }
}
