import { crc32 } from '../lib/bytes';
import * as host from '../lib/ordeal';
import { Level, log } from '../lib/reactor';
import { slotLength, Table } from './table';

/**
 * The disk: a header, then the slots as they are in memory. Every change writes its slot and the header; a store that
 * boots begins with what it finds here. A sync from the primary is written as a whole, once it is complete.
 *
 *     0  "OSES"            8  slot length (u32)    16  epoch (u32)       32  checksum of bytes 0 to 31 (u32)
 *     4  format 1 (u32)   12  slots (u32)          24  sequence (u64)
 */
const magic: u32 = 0x5345534f;
const format: u32 = 1;
const headerLength: i32 = 36;
const slotsAt: f64 = 4096;
const blockLength: i32 = 64 * 1024;

export class Checkpoint {
  epoch: u32 = 0;
  sequence: u64 = 0;
  errors: u32 = 0;
  private readonly header: usize = heap.alloc(headerLength);

  constructor(
    private readonly disk: i32,
    private readonly table: Table,
  ) {}

  /** Fills the table from the disk; a disk that was never written to, or is damaged, leaves it empty. */
  load(): void {
    const wanted = slotsAt + <f64>this.table.capacity * slotLength;
    if (host.disk_size(this.disk) < wanted) {
      log(Level.Warning, 'disk: smaller than ' + wanted.toString() + ' bytes or detached; sessions are in memory only');
    }
    if (!this.readHeader()) return;
    const length = <i32>min(load<u32>(this.header, 12), <u32>this.table.capacity) * slotLength;
    for (let at = 0; at < length; at += blockLength) {
      const part = min(blockLength, length - at);
      if (host.disk_read(this.disk, slotsAt + <f64>at, this.table.slots + at, part) != part) this.errors++;
    }
    const damaged = this.table.rebuild();
    if (damaged > 0) log(Level.Warning, 'disk: ' + damaged.toString() + ' damaged slots left out');
  }

  /** One slot has changed. */
  saveSlot(number: i32, epoch: u32, sequence: u64): void {
    this.write(slotsAt + <f64>number * slotLength, this.table.slot(number).at, slotLength);
    this.saveHeader(epoch, sequence);
  }

  saveAll(epoch: u32, sequence: u64): void {
    const total = this.table.capacity * slotLength;
    for (let at = 0; at < total; at += blockLength) {
      this.write(slotsAt + <f64>at, this.table.slots + at, min(blockLength, total - at));
    }
    this.saveHeader(epoch, sequence);
    host.disk_flush(this.disk);
  }

  saveHeader(epoch: u32, sequence: u64): void {
    this.epoch = epoch;
    this.sequence = sequence;
    memory.fill(this.header, 0, headerLength);
    store<u32>(this.header, magic);
    store<u32>(this.header, format, 4);
    store<u32>(this.header, slotLength, 8);
    store<u32>(this.header, this.table.capacity, 12);
    store<u32>(this.header, epoch, 16);
    store<u64>(this.header, sequence, 24);
    store<u32>(this.header, crc32(this.header, 32), 32);
    this.write(0, this.header, headerLength);
  }

  private readHeader(): bool {
    if (host.disk_read(this.disk, 0, this.header, headerLength) != headerLength) return false;
    if (load<u32>(this.header) != magic || load<u32>(this.header, 4) != format) return false;
    if (load<u32>(this.header, 8) != slotLength || load<u32>(this.header, 32) != crc32(this.header, 32)) {
      log(Level.Warning, 'disk: the header is damaged; the sessions on it are left out');
      return false;
    }
    this.epoch = load<u32>(this.header, 16);
    this.sequence = load<u64>(this.header, 24);
    return true;
  }

  /** A session that did not reach the disk is still in memory here and on the standby: count it, and go on. */
  private write(offset: f64, from: usize, length: i32): void {
    const written = host.disk_write(this.disk, offset, from, length);
    if (written == length) return;
    if (this.errors++ == 0) log(Level.Error, 'disk: a write failed with ' + written.toString());
  }
}
