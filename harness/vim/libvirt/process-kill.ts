import { type FaultReading, type Injection, machineFaultParams } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { inGuest } from './guest-command.js';
import type { Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';

/** By the shell alone: each process that a guest would have to start for this takes its time where all is emulated. */
const FIND = 'for d in /proc/[0-9]*; do read -r c <"$d/comm" && [ "$c" = "$1" ] && echo "$d"; done 2>/dev/null; true';

/** Ends the processes of a name inside the guest, through its agent. Who is to start them again is the VNFC's own business. */
export class ProcessKill implements Means {
  readonly how = 'the guest agent ends the processes of that name';

  constructor(readonly hypervisor: Hypervisor) {}

  async before(seen: Seen, injection: Injection): Promise<Target['before']> {
    const name = nameOf(injection);
    const pids = await this.#pids(seen, name);
    if (pids.length > 0) return { pids: pids.join(' ') };
    throw new OrdealError('unknown-target', `No process "${name}" runs in "${seen.dom.name}"`, {
      remedy: 'Name it as /proc/<pid>/comm does, which has 15 letters at most.',
    });
  }

  async on(seen: Seen, _: Injection, { pids }: Target['before']): Promise<void> {
    await inGuest(this.hypervisor, seen, 'To end a process', 'kill -9 $1 2>/dev/null; true', { args: [String(pids)] });
  }

  async measure(seen: Seen, injection: Injection, before: Target['before']): Promise<FaultReading> {
    const struck = String(before.pids).split(' ');
    const now = await this.#pids(seen, nameOf(injection));
    const left = struck.filter((pid) => now.includes(pid)).length;
    return {
      effective: left < struck.length,
      measured: { ended: struck.length - left, left, startedSince: now.length - left },
      how: `the processes of that name in the guest's /proc, against the ${struck.length} of before`,
    };
  }

  /** An event: nothing is left to be healed. */
  off(): Promise<void> {
    return Promise.resolve();
  }

  async #pids(seen: Seen, name: string): Promise<string[]> {
    const said = await inGuest(this.hypervisor, seen, 'To look for a process', FIND, { args: [name] });
    return said.match(/\d+/g) ?? [];
  }
}

const nameOf = ({ kind, params }: Injection): string =>
  validate(params, kind, machineFaultParams['process-kill'], 'usage').process;
