import { createHash } from 'node:crypto';
import { type FaultReading, type Injection, machineFaultParams } from '../../model/fault.js';
import { validate } from '../../util/validate.js';
import { cpuTimeMs } from './cpu-starvation.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { inGuest } from './guest-command.js';
import type { Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';

const START_MS = 120_000;
const WINDOW_MS = 200;

/** What only a shell can do is in every guest: a loop takes CPU time, and a variable takes memory. Their pids are kept in a file. */
const START = `
f=$1 left=$2
while [ "$left" -gt 0 ]; do (while :; do :; done) </dev/null >/dev/null 2>&1 & echo $! >>"$f"; left=$((left - 1)); done
if [ "$3" -gt 0 ]; then
  (x=$(head -c "$3" /dev/zero | tr '\\0' x); echo >"$f.ready"; while :; do sleep 60; done) </dev/null >/dev/null 2>&1 &
  echo $! >>"$f"
  while [ ! -e "$f.ready" ] && kill -0 $! 2>/dev/null; do sleep 1; done
fi
true`;
const LOOK = `
while read -r pid; do
  kill -0 "$pid" 2>/dev/null || continue
  while read -r word kb rest; do [ "$word" = VmRSS: ] && echo "$kb"; done <"/proc/$pid/status"
done 2>/dev/null <"$1"; true`;
const END = 'while read -r pid; do kill -9 "$pid" 2>/dev/null; done 2>/dev/null <"$1"; rm -f "$1" "$1.ready"';

/** Processes of ours inside the guest take its CPU time and its memory; started and ended through its agent. */
export class GuestStress implements Means {
  readonly how = 'the guest agent starts processes that take CPU time and memory';

  constructor(readonly hypervisor: Hypervisor) {}

  async before(seen: Seen, { id }: Injection): Promise<Target['before']> {
    const script = 'for d in /run /tmp; do [ -w "$d" ] && echo "$d" && break; done';
    const folder = await inGuest(this.hypervisor, seen, 'To find a folder for the stress', script);
    const name = createHash('sha256').update(id).digest('hex').slice(0, 12);
    return { file: `${folder || '/tmp'}/.ordeal-${name}` };
  }

  async on(seen: Seen, injection: Injection, { file }: Target['before']): Promise<void> {
    const { busyProcesses, memoryBytes } = doseOf(injection);
    const args = [String(file), String(busyProcesses), String(memoryBytes)];
    await inGuest(this.hypervisor, seen, 'To begin the stress', START, { withinMs: START_MS, args });
  }

  async measure(seen: Seen, injection: Injection, { file }: Target['before']): Promise<FaultReading> {
    const { busyProcesses, memoryBytes } = doseOf(injection);
    const said = await inGuest(this.hypervisor, seen, 'To measure the stress', LOOK, { args: [String(file)] });
    const residentKiB = (said.match(/\d+/g) ?? []).map(Number);
    const processes = busyProcesses + (memoryBytes > 0 ? 1 : 0);
    const takenBytes = Math.max(0, ...residentKiB) * 1024;
    return {
      effective: residentKiB.length === processes && takenBytes >= memoryBytes,
      measured: {
        processes: residentKiB.length,
        takenBytes,
        usedShare: (await cpuTimeMs(this.hypervisor, seen)) / WINDOW_MS,
      },
      how: "our processes in the guest's /proc with their resident memory, and the CPU time of the domain in 200 ms",
    };
  }

  async off(seen: Seen, _: Injection, { file }: Target['before']): Promise<void> {
    await inGuest(this.hypervisor, seen, 'To end the stress', END, { args: [String(file)] });
  }
}

const doseOf = ({ kind, params }: Injection) => validate(params, kind, machineFaultParams.stress, 'usage');
