import { once } from 'node:events';
import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { validate } from '../../../util/validate.js';
import type { Containers, Seen } from '../containers.js';
import { detach } from '../host.js';
import type { Before, Means } from './means.js';

/**
 * A shell enters the control group, and starts processes there until all are there. One that is refused ends the shell, with a
 * code that each shell has chosen for itself.
 */
const START = 'echo $$ >"$1" || exit 3; n=0; while [ $n -lt "$2" ]; do sleep 1 & n=$((n + 1)); done; exit 0';
const [ALL_THERE, NOT_ENTERED] = [0, 3];

/** The limit of its control group is what it has now, and a few more. */
export class ProcessStarvation implements Means {
  readonly how = 'the limit of its control group on processes and threads';

  constructor(readonly containers: Containers) {}

  async before(seen: Seen): Promise<Before> {
    const limit = await (await this.containers.cgroup(seen)).processLimit();
    return Number.isFinite(limit) ? { limit } : {};
  }

  async on(seen: Seen, injection: Injection): Promise<void> {
    const cgroup = await this.containers.cgroup(seen);
    await cgroup.setProcessLimit((await cgroup.processes()) + leaveOf(injection));
  }

  async measure(seen: Seen, injection: Injection, { limit }: Before): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const [most, now] = [await cgroup.processLimit(), await cgroup.processes()];
    if (!Number.isFinite(most) || most === limit) {
      return { effective: false, measured: { processes: now }, how: 'the limit of its control group' };
    }
    const tries = leaveOf(injection) + 1;
    const child = detach('sh', ['-c', START, 'sh', cgroup.processProcs, String(tries)]);
    const [code] = (await once(child, 'exit')) as [number | null];
    return {
      effective: code !== null && code !== ALL_THERE && code !== NOT_ENTERED,
      measured: { limit: most, processes: now, left: Math.max(0, most - now) },
      how: `the limit of its control group, and whether the kernel refuses one of ${tries} processes that are started there`,
    };
  }

  async off(seen: Seen, _: Injection, { limit }: Before): Promise<void> {
    const cgroup = await this.containers.cgroup(seen);
    await cgroup.setProcessLimit(limit === undefined ? Number.POSITIVE_INFINITY : Number(limit));
  }
}

const leaveOf = ({ kind, params }: Injection): number =>
  validate(params, kind, machineFaultParams['process-starvation'], 'usage').leave;
