import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { until } from '../../../util/deadline.js';
import { errnoOf } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { Cgroup } from '../cgroup.js';
import type { Containers, Seen } from '../containers.js';
import { detach } from '../host.js';
import { shareUsed } from './cpu-starvation.js';
import type { Before, Means } from './means.js';

const TAKEN_MS = 60_000;
const GONE_MS = 5000;
/** A mark in their environment tells our processes from those of the container. */
const MARK = 'ORDEAL_STRESS';
/** Into the control groups first, so that all that it starts is there too; its process namespace ends it with the container. */
const ENTER = `mark=$1 pid=$2 seconds=$3 body=$4 bytes=$5
shift 5
for file in "$@"; do echo $$ >"$file" || exit 1; done
exec env ${MARK}="$mark" nsenter --pid="/proc/$pid/ns/pid" -- timeout "$seconds" sh -c "$body" sh "$bytes" "$seconds"`;
const BUSY = 'while :; do :; done';
/** tail keeps what it has read until there is no more to come. */
const HOLD = '{ head -c "$1" /dev/zero; sleep "$2"; } | tail -c "$1" >/dev/null';

/** Processes of ours take the CPU time and the memory of the container; they end by themselves when the fault expires. */
export class Stress implements Means {
  readonly how = 'processes in its control groups that take CPU time and memory, until the fault expires';
  readonly healsItself = true;

  constructor(readonly containers: Containers) {}

  before(): Promise<Before> {
    return Promise.resolve({});
  }

  async on(seen: Seen, injection: Injection): Promise<void> {
    const { busyProcesses, memoryBytes } = doseOf(injection);
    const cgroup = await this.containers.cgroup(seen);
    const seconds = Math.ceil(injection.expiresAfterMs / 1000);
    const start = (body: string, bytes: number): void => {
      const args = [markOf(injection), seen.container.pid, seconds, body, bytes].map(String);
      detach('sh', ['-c', ENTER, 'sh', ...args, ...cgroup.loadProcs]);
    };
    for (let n = 0; n < busyProcesses; n++) start(BUSY, 0);
    if (memoryBytes > 0) start(HOLD, memoryBytes);
    const isOn = async () => isAsAsked(await ours(cgroup, injection), injection);
    await until('The stress takes its memory', isOn, { withinMs: TAKEN_MS, everyMs: 50 });
  }

  async measure(seen: Seen, injection: Injection): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const found = await ours(cgroup, injection);
    return {
      effective: isAsAsked(found, injection),
      measured: { busyProcesses: found.busy, takenBytes: found.takenBytes, usedShare: await shareUsed(cgroup) },
      how: 'our processes in its control group with their resident memory, and the CPU time that the group used in 200 ms',
    };
  }

  async off(seen: Seen, injection: Injection): Promise<void> {
    const cgroup = await this.containers.cgroup(seen);
    const areGone = async () => {
      const { pids } = await ours(cgroup, injection);
      for (const pid of pids) kill(pid);
      return pids.length === 0;
    };
    await until('The stress ends', areGone, { withinMs: GONE_MS, everyMs: 20 });
  }
}

interface Ours {
  readonly pids: readonly number[];
  readonly busy: number;
  readonly takenBytes: number;
}

const isAsAsked = ({ busy, takenBytes }: Ours, injection: Injection): boolean => {
  const { busyProcesses, memoryBytes } = doseOf(injection);
  return busy === busyProcesses && takenBytes >= memoryBytes;
};

async function ours(cgroup: Cgroup, injection: Injection): Promise<Ours> {
  const mark = `${MARK}=${markOf(injection)}`;
  const found = await Promise.all(
    (await cgroup.pids('cpu')).map(async (pid) => {
      const [environment, command, status] = await Promise.all(
        ['environ', 'cmdline', 'status'].map((name) => readOf(pid, name)),
      );
      if (!environment?.split('\0').includes(mark)) return [];
      const residentBytes = Number(/^VmRSS:\s+(\d+)/m.exec(status ?? '')?.[1] ?? 0) * 1024;
      const isBusy = command?.startsWith('sh\0') === true && command.includes(BUSY);
      return [{ pid, residentBytes, isBusy }];
    }),
  );
  const all = found.flat();
  return {
    pids: all.map((p) => p.pid),
    busy: all.filter((p) => p.isBusy).length,
    takenBytes: Math.max(0, ...all.map((p) => p.residentBytes)),
  };
}

/** undefined: it has ended meanwhile. */
async function readOf(pid: number, name: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${name}`, 'utf8');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ESRCH') return undefined;
    throw e;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (e) {
    if (errnoOf(e) !== 'ESRCH') throw e;
  }
}

const markOf = ({ id }: Injection): string => createHash('sha256').update(id).digest('hex').slice(0, 16);
const doseOf = ({ kind, params }: Injection) => validate(params, kind, machineFaultParams.stress, 'usage');
