import { readFile } from 'node:fs/promises';
import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { errnoOf, OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { Containers, Seen } from '../containers.js';
import type { Before, Means } from './means.js';

/** Ends the processes of a name inside. Who is to start them again is the VNFC's own business. */
export class ProcessKill implements Means {
  readonly how = 'SIGKILL to the processes of that name in its control group';

  constructor(readonly containers: Containers) {}

  async before(seen: Seen, injection: Injection): Promise<Before> {
    const name = nameOf(injection);
    const pids = await this.#pids(seen, name);
    if (pids.length > 0) return { pids: pids.join(' ') };
    throw new OrdealError('unknown-target', `No process "${name}" runs in "${seen.container.name}"`, {
      remedy: 'Name it as /proc/<pid>/comm does, which has 15 letters at most.',
    });
  }

  async on(seen: Seen, injection: Injection, { pids }: Before): Promise<void> {
    // Looked at once more: a number may have been given to somebody else since.
    const now = await this.#pids(seen, nameOf(injection));
    for (const pid of struckOf(pids)) {
      if (!now.includes(pid)) continue;
      try {
        process.kill(pid, 'SIGKILL');
      } catch (e) {
        if (errnoOf(e) !== 'ESRCH') throw e;
      }
    }
  }

  async measure(seen: Seen, injection: Injection, { pids }: Before): Promise<FaultReading> {
    const struck = struckOf(pids);
    const now = await this.#pids(seen, nameOf(injection));
    const left = struck.filter((pid) => now.includes(pid)).length;
    return {
      effective: left < struck.length,
      measured: { ended: struck.length - left, left, startedSince: now.length - left },
      how: `the processes of that name in its control group, against the ${struck.length} of before`,
    };
  }

  /** An event: nothing is left to be healed. */
  off(): Promise<void> {
    return Promise.resolve();
  }

  async #pids(seen: Seen, name: string): Promise<number[]> {
    const pids = await (await this.containers.cgroup(seen)).pids();
    const found = await Promise.all(pids.map(async (pid) => ((await commOf(pid)) === name ? [pid] : [])));
    return found.flat();
  }
}

const struckOf = (pids: Before[string] | undefined): number[] => String(pids).split(' ').map(Number);

const nameOf = ({ kind, params }: Injection): string =>
  validate(params, kind, machineFaultParams['process-kill'], 'usage').process;

/** Of one that has ended meanwhile, or is a zombie that nobody has asked for yet: nothing. */
async function commOf(pid: number): Promise<string> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return /^State:\s+Z/m.test(status) ? '' : (/^Name:\t(.*)$/m.exec(status)?.[1] ?? '');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ESRCH') return '';
    throw e;
  }
}
