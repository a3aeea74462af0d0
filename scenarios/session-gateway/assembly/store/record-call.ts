import { Reader, View, viewOf, Writer } from '../lib/bytes';
import { Call } from '../lib/calls';
import { Kind } from '../lib/messages';
import { Peer } from '../lib/peers';
import { Slot, slotLength } from './table';

/** Told when a change is safe, that is on the standby, or when there is no standby to wait for. */
export abstract class Waiter {
  abstract onSafe(): void;
}

/** Who sends records, and learns that one did not arrive. */
export abstract class RecordSender {
  abstract goOnAlone(): void;
}

/** One change on its way to the standby: a copy, as the slot may have changed again before it is answered. */
export class RecordCall extends Call {
  private readonly slot: ArrayBuffer;
  private readonly sequence: u64;

  constructor(
    private readonly sender: RecordSender,
    private readonly standby: Peer,
    private readonly epoch: u32,
    slot: Slot,
    private readonly waiter: Waiter,
  ) {
    super(Kind.Record, 80, 2);
    this.slot = new View(slot.at, slotLength).copy();
    this.sequence = slot.sequence;
  }

  target(attempt: i32): i32 {
    return this.standby.address;
  }

  write(payload: Writer): void {
    payload.u32(this.epoch).u64(this.sequence).view(viewOf(this.slot));
  }

  onAnswer(answer: Reader): bool {
    if (answer.u8() == 0) this.sender.goOnAlone();
    this.waiter.onSafe();
    return true;
  }

  onFailure(): void {
    this.sender.goOnAlone();
    this.waiter.onSafe();
  }
}
