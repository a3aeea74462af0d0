import { writersOf } from '../store/write-locks.js';
import { sleep, until } from '../util/deadline.js';
import { errnoOf } from '../util/errors.js';

/** Two looks so far apart that no write which goes on is met twice, in milliseconds. */
const apartMs = 50;
const looks = 3;

export interface FenceOptions {
  /** Default: what the kernel lists. */
  readonly writers?: (stateFolder: string) => readonly number[];
  /** The service that is to be given back; absent: writes alone count. */
  readonly serviceId?: string;
  /** Who is in the middle of a snapshot operation on it. Default: what the state folder says. */
  readonly operators?: (stateFolder: string, serviceId: string) => Promise<readonly number[]>;
  readonly kill?: (pid: number) => void;
  /** How long the kernel may take to end a process and to give its locks back, in milliseconds; default 2 s. */
  readonly endMs?: number;
}

/**
 * Prerequisite: the process holds or guards a run, and is to be taken over or replaced. When it was stopped in the middle of
 * a write, it keeps everybody else from writing for as long as it stands still, and in the middle of a snapshot operation
 * from capturing and reverting the VNF: nothing, or not all, can be given back. Then it is ended (SIGKILL). What it had not
 * committed is undone by the database, its operation by who opens the service next. Any other process is left alone.
 * @returns whether it was ended
 */
export async function endIfItBlocks(
  stateFolder: string,
  pid: number,
  { writers = writersOf, serviceId, operators = operatorsOf, kill = killAtOnce, endMs = 2000 }: FenceOptions = {},
): Promise<boolean> {
  if (pid === process.pid) return false;
  const writes = () => writers(stateFolder).includes(pid);
  const operates = async () => serviceId !== undefined && (await operators(stateFolder, serviceId)).includes(pid);
  const isInWrite = await isLasting(writes);
  if (!isInWrite && !(await operates())) return false;
  const blocks = isInWrite ? writes : operates;
  kill(pid);
  await until(`The end of process ${pid}`, async () => !(await blocks()), { withinMs: endMs });
  return true;
}

async function isLasting(is: () => boolean): Promise<boolean> {
  for (let look = 0; look < looks; look++) {
    if (look > 0) await sleep(apartMs);
    if (!is()) return false;
  }
  return true;
}

/** Loaded when it is asked for: a guard has better things to do while it starts. */
async function operatorsOf(stateFolder: string, serviceId: string): Promise<readonly number[]> {
  const { openState } = await import('../store/state.js');
  await using state = await openState(stateFolder);
  return state.operations.operators(serviceId);
}

function killAtOnce(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    // It has ended in the meantime.
    if (errnoOf(e) !== 'ESRCH') throw e;
  }
}
