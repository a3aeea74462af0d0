import type { Seen } from './domains.js';
import type { Hypervisor } from './hypervisor.js';
import { ErrorCode, procedures } from './rpc/index.js';

/**
 * In milliseconds. QEMU copies a running guest's memory until it expects to need no longer than this for what is left, and
 * the guest stands still for that; 300 is its own choice, and one to which a busy guest comes.
 */
const LEAST_MS = 20;
const MOST_MS = 300;
const PATIENCE_MS = 1000;

/** 9.0.0: major * 1,000,000 + minor * 1,000 + release. */
const KEEPS_WRITES = 9_000_000n;

/**
 * QEMU before 9.0 loses what an emulated guest writes to a page again that it had written before QEMU last asked which pages were
 * written: its translated code goes on to take the page for one that is known as written. Such a memory image is of no moment at
 * all. Source: QEMU's commit 03bfc2188f, "physmem: Fix migration dirty bitmap coherency with TCG memory access".
 */
export async function losesWrites(hypervisor: Hypervisor, { xml }: Pick<Seen, 'xml'>): Promise<boolean> {
  if (!xml.isEmulated) return false;
  const what = 'the version of QEMU cannot be read';
  return (await hypervisor.call(procedures.connectGetVersion, {}, what)).version < KEEPS_WRITES;
}

/** How long a guest may stand still at the end of a live capture: as short as it gives us, and longer only when it is busy. */
export class ShortPause {
  #limitMs = LEAST_MS;
  #raising: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    readonly hypervisor: Hypervisor,
    readonly seen: Pick<Seen, 'dom'>,
    readonly before: bigint,
  ) {}

  /** @param patienceMs after so long without an end the guest may stand still for twice as long */
  static async begin(
    hypervisor: Hypervisor,
    seen: Pick<Seen, 'dom'>,
    patienceMs: number = PATIENCE_MS,
  ): Promise<ShortPause> {
    const pause = await ShortPause.#of(hypervisor, seen);
    await pause.#set(BigInt(LEAST_MS));
    pause.#timer = setInterval(() => pause.#raise(), patienceMs);
    return pause;
  }

  /**
   * The guest stands still for all that it wrote while its memory was copied once. A QEMU that `losesWrites` looks no second
   * time at what a running guest has written: with the least limit it never does, and comes to its end.
   */
  static async inOnePass(hypervisor: Hypervisor, seen: Pick<Seen, 'dom'>): Promise<ShortPause> {
    const pause = await ShortPause.#of(hypervisor, seen);
    await pause.#set(0n);
    return pause;
  }

  static async #of(hypervisor: Hypervisor, seen: Pick<Seen, 'dom'>): Promise<ShortPause> {
    const what = `the migration parameters of "${seen.dom.name}" cannot be read`;
    const args = { dom: seen.dom, flags: 0 };
    const { downtimeMs } = await hypervisor.call(procedures.domainMigrateGetMaxDowntime, args, what);
    return new ShortPause(hypervisor, seen, downtimeMs);
  }

  #raise(): void {
    if (this.#limitMs >= MOST_MS) return;
    this.#limitMs = Math.min(MOST_MS, this.#limitMs * 2);
    const limit = BigInt(this.#limitMs);
    // One that fails is followed by another; what the capture itself says counts.
    this.#raising = Promise.allSettled([this.#set(limit)]);
  }

  /** A guest that has ended meanwhile has no limit. */
  #set(downtimeMs: bigint): Promise<unknown> {
    const { dom } = this.seen;
    const what = `the migration parameters of "${dom.name}" cannot be set`;
    const args = { dom, downtimeMs, flags: 0 };
    const codes = [ErrorCode.operationInvalid, ErrorCode.noDomain];
    return this.hypervisor.callUnless(codes, procedures.domainMigrateSetMaxDowntime, args, what);
  }

  /** As it was. Where that fails, QEMU keeps the shorter limit, and how the capture went counts for more. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#raising;
    await Promise.allSettled([this.#set(this.before)]);
  }
}
