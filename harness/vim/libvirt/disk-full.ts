import { createHash } from 'node:crypto';
import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { Domains, Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { inGuest } from './guest-command.js';
import type { Means } from './means.js';

const FILL_MS = 300_000;
/** What a file system keeps back for itself once it says that it is full. */
const SLACK_BYTES = 256 * 1024;

/** A file of ours in the file system of the disk takes all that is free; written in the guest, through its agent. */
export class DiskFull implements Means {
  readonly how = 'the guest agent fills the file system of the disk with a file';

  constructor(readonly domains: Domains) {}

  async before(seen: Seen, { kind, params }: Injection): Promise<Target['before']> {
    const { disk } = validate(params, kind, faultParams['disk-full'], 'usage');
    const target = this.domains.diskTarget(seen, disk);
    // The guest names a virtio disk as the domain does, whole or by its partitions.
    const script = 'grep -E "^/dev/$1[0-9]* " /proc/mounts | grep -v " ro[, ]" | cut -d" " -f2 | head -n 1';
    const mount = await this.#run(seen, 'To find the file system of the disk', script, [target]);
    if (mount !== '') return { mount, freeBytes: await this.#freeBytes(seen, mount) };
    throw new OrdealError('capability-missing', `Disk ${target} is not mounted in "${seen.dom.name}" for writing`, {
      expected: `a file system on /dev/${target}`,
      remedy: 'Name another disk, or give it the bus virtio, so that the guest calls it as the domain does.',
    });
  }

  async on(seen: Seen, { id, kind, params }: Injection, { mount }: Target['before']): Promise<void> {
    const { leaveBytes } = validate(params, kind, faultParams['disk-full'], 'usage');
    const file = fileIn(String(mount), id);
    const blocks = Math.max(0, Math.floor(((await this.#freeBytes(seen, String(mount))) - leaveBytes) / 4096));
    const full = leaveBytes === 0 ? '' : ` count=${blocks}`;
    const script = `dd if=/dev/zero of="$1" bs=4096${full} 2>/dev/null; sync; [ -s "$1" ]`;
    await this.#run(seen, 'To fill the disk', script, [file]);
  }

  async measure(seen: Seen, { id, kind, params }: Injection, before: Target['before']): Promise<FaultReading> {
    const { leaveBytes } = validate(params, kind, faultParams['disk-full'], 'usage');
    const mount = String(before.mount);
    const script = 'wc -c <"$1" 2>/dev/null || echo 0';
    const takenBytes = Number(await this.#run(seen, 'To measure the file', script, [fileIn(mount, id)]));
    const leftBytes = await this.#freeBytes(seen, mount);
    return {
      effective: takenBytes > 0 && leftBytes <= leaveBytes + SLACK_BYTES,
      measured: { leftBytes, takenBytes, freeBeforeBytes: Number(before.freeBytes) },
      how: `what the guest's own file system at ${mount} says is free`,
    };
  }

  async off(seen: Seen, { id }: Injection, { mount }: Target['before']): Promise<void> {
    await this.#run(seen, 'To empty the disk', 'rm -f "$1" && sync', [fileIn(String(mount), id)]);
  }

  async #freeBytes(seen: Seen, mount: string): Promise<number> {
    const line = await this.#run(seen, 'To measure the disk', 'df -Pk "$1" | tail -n 1', [mount]);
    const free = Number(line.split(/\s+/)[3]) * 1024;
    if (Number.isFinite(free)) return free;
    throw new OrdealError('vim-failed', `df in "${seen.dom.name}" says nothing of ${mount}`, { got: line });
  }

  #run(seen: Seen, what: string, script: string, args: readonly string[]): Promise<string> {
    return inGuest(this.domains.hypervisor, seen, what, script, { withinMs: FILL_MS, args });
  }
}

const fileIn = (mount: string, id: string): string =>
  `${mount === '/' ? '' : mount}/.ordeal-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`;
