import { beginFrame, sendFrame } from '../lib/frame';
import { Kind } from '../lib/messages';
import * as host from '../lib/ordeal';
import { Level, log } from '../lib/reactor';
import { Table } from './table';

/** Sessions a chunk, and milliseconds between two chunks: a sync leaves room for the requests that go on meanwhile. */
const chunkSessions: i32 = 500;
const chunkMs: f64 = 50;
/** After a sync the standby gets this long to settle before it is given another. */
const restMs: f64 = 1000;

/** Brings the other store up to date: all sessions, in chunks, while records of new changes go on in between. */
export class Sync {
  running: bool = false;
  sent: u32 = 0;
  /** Changes that were sent in between the chunks. */
  records: u32 = 0;
  private cursor: i32 = 0;
  private restsUntil: f64 = 0;

  constructor(
    private readonly cp: i32,
    private readonly timer: i32,
    private readonly table: Table,
  ) {}

  get resting(): bool {
    return host.monotonic() < this.restsUntil;
  }

  start(to: i32, epoch: u32, sequence: u64): void {
    log(Level.Info, 'sync: ' + this.table.size.toString() + ' sessions to the standby');
    this.running = true;
    this.cursor = 0;
    this.records = 0;
    beginFrame(Kind.SyncBegin).u32(epoch).u64(sequence);
    sendFrame(this.cp, to);
    this.sendChunk(to, epoch);
  }

  /** @returns true when that was the end of it */
  goOn(to: i32, epoch: u32, sequence: u64): bool {
    if (!this.running) return false;
    if (this.cursor < this.table.capacity) {
      this.sendChunk(to, epoch);
      return false;
    }
    beginFrame(Kind.SyncEnd).u32(epoch).u64(sequence).u32(this.table.size).u32(this.records);
    sendFrame(this.cp, to);
    this.stop();
    this.sent++;
    return true;
  }

  private sendChunk(to: i32, epoch: u32): void {
    this.cursor = this.table.writeSome(beginFrame(Kind.SyncChunk).u32(epoch), this.cursor, chunkSessions);
    sendFrame(this.cp, to);
    host.timer_set(this.timer, chunkMs);
  }

  stop(): void {
    this.running = false;
    this.restsUntil = host.monotonic() + restMs;
  }
}
