import { Reader, Writer } from './bytes';
import { beginFrame, sendFrame } from './frame';
import * as host from './ordeal';

/** A question to another VNFC that is waiting for its answer. */
export abstract class Call {
  /** Set by Calls. */
  id: u32 = 0;
  attempt: i32 = 0;
  deadline: f64 = 0;

  constructor(
    readonly kind: i32,
    readonly timeoutMs: f64,
    readonly attempts: i32,
  ) {}

  /** Whom to ask in this attempt, counted from 0; -1 when there is nobody. */
  abstract target(attempt: i32): i32;
  abstract write(payload: Writer): void;
  /** @returns false when this is no answer and somebody else should be asked, as far as attempts are left */
  abstract onAnswer(payload: Reader): bool;
  /** No attempt is left, or nobody to ask. Called once, and then nothing more. */
  abstract onFailure(): void;
}

const slotBits: u32 = 10;
const slotCount: u32 = 1 << slotBits;

/** Questions on one connection point: tied to their answers by an id, asked again after a timeout. */
export class Calls {
  private readonly waiting: Array<Call | null> = new Array<Call | null>(slotCount);
  private readonly free: Array<u32> = [];
  private generation: u32;
  waitingCount: i32 = 0;

  /**
   * @param timer the reactor timer that it may use
   * @param firstGeneration random, so that nobody takes an answer for one that was asked before a reboot
   */
  constructor(
    private readonly cp: i32,
    private readonly timer: i32,
    firstGeneration: u32,
    private readonly sweepMs: f64 = 10,
  ) {
    this.generation = firstGeneration;
    for (let slot: i32 = slotCount - 1; slot >= 0; slot--) this.free.push(slot);
  }

  /** When too many are waiting already, the call fails at once. */
  ask(call: Call): void {
    if (this.free.length == 0) {
      call.onFailure();
      return;
    }
    const slot = this.free.pop();
    this.waiting[slot] = call;
    if (this.waitingCount++ == 0) host.timer_set(this.timer, this.sweepMs);
    this.send(call, slot);
  }

  onAnswer(id: u32, payload: Reader): void {
    const slot = id & (slotCount - 1);
    const call = this.waiting[slot];
    if (call === null || call.id != id) return;
    if (call.onAnswer(payload)) this.drop(slot);
    else this.next(call, slot);
  }

  onTimer(): void {
    const now = host.monotonic();
    for (let slot: u32 = 0; slot < slotCount; slot++) {
      const call = this.waiting[slot];
      if (call !== null && call.deadline <= now) this.next(call, slot);
    }
    if (this.waitingCount > 0) host.timer_set(this.timer, this.sweepMs);
  }

  private next(call: Call, slot: u32): void {
    if (++call.attempt < call.attempts) this.send(call, slot);
    else this.fail(call, slot);
  }

  private send(call: Call, slot: u32): void {
    const to = call.target(call.attempt);
    if (to < 0) {
      this.fail(call, slot);
      return;
    }
    call.id = (++this.generation << slotBits) | slot;
    call.deadline = host.monotonic() + call.timeoutMs;
    call.write(beginFrame(call.kind, call.id));
    sendFrame(this.cp, to);
  }

  private fail(call: Call, slot: u32): void {
    this.drop(slot);
    call.onFailure();
  }

  private drop(slot: u32): void {
    this.waiting[slot] = null;
    this.free.push(slot);
    this.waitingCount--;
  }
}

/** Remembers the latest questions, so that one that a network delivers twice is not carried out twice. */
export class Duplicates {
  private readonly seen: StaticArray<u64> = new StaticArray<u64>(1024);

  /** @returns true when this question has been seen before, as far as it is remembered */
  isOne(from: i32, call: u32): bool {
    const question = ((<u64>from) << 32) | call;
    const place = <i32>((question * 0x9e3779b97f4a7c15) >> 54);
    if (this.seen[place] == question) return true;
    this.seen[place] = question;
    return false;
  }
}
