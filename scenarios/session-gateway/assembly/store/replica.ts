import { Reader } from '../lib/bytes';
import { Calls } from '../lib/calls';
import { Config } from '../lib/config';
import { beginFrame, sendFrame } from '../lib/frame';
import { Announcement, Kind, Role, roleName } from '../lib/messages';
import * as host from '../lib/ordeal';
import { namesIn, Peer } from '../lib/peers';
import { Level, log } from '../lib/reactor';
import { Checkpoint } from './checkpoint';
import { RecordCall, RecordSender, Waiter } from './record-call';
import { Sync } from './sync';
import { Slot, slotLength, Table } from './table';

export const back: i32 = 0;
export const enum Timer {
  Announce = 1,
  Calls = 2,
  Sync = 3,
}

/** One of two stores: which role it has, and how the standby is kept in step. */
export class Replica extends RecordSender {
  role: Role = Role.Joining;
  epoch: u32;
  sequence: u64;
  reads: u32 = 0;
  writes: u32 = 0;

  private readonly peer: Peer;
  private readonly listeners: Peer[];
  private readonly preferred: bool;
  private readonly announceMs: f64;
  private readonly promoteMs: f64;
  private readonly joinMs: f64;
  private readonly electMs: f64;
  private readonly sync: Sync;
  private readonly told: Announcement = new Announcement();
  private readonly heard: Announcement = new Announcement();

  /** A primary: the standby has everything, and changes wait for its answer. */
  private replicated: bool = false;
  /** A standby: something was missed. */
  private behind: bool = true;
  private receiving: bool = false;
  private recordsReceived: u32 = 0;
  private syncsReceived: u32 = 0;
  private peerHeardAt: f64 = -1e9;
  private primaryHeardAt: f64;
  private bootedAt: f64;
  private tickedAt: f64;

  constructor(
    config: Config,
    private readonly table: Table,
    private readonly disk: Checkpoint,
    private readonly calls: Calls,
  ) {
    super();
    this.peer = new Peer(config.text('peer', ''));
    this.listeners = namesIn(config, 'workers').map<Peer>((name: string) => new Peer(name));
    this.preferred = config.flag('preferred');
    this.announceMs = config.number('announceMs', 50);
    this.promoteMs = config.number('promoteMs', 500);
    this.joinMs = config.number('joinMs', 700);
    this.electMs = config.number('electMs', 200);
    this.sync = new Sync(back, Timer.Sync, table);
    disk.load();
    this.epoch = disk.epoch;
    this.sequence = disk.sequence;
    this.bootedAt = host.monotonic();
    this.primaryHeardAt = this.bootedAt;
    this.tickedAt = this.bootedAt;
  }

  boot(): void {
    this.listeners.push(this.peer);
    const found = this.table.size.toString() + ' sessions of epoch ' + this.epoch.toString();
    log(Level.Info, 'booted with ' + found + ' from the disk');
    this.onTick();
  }

  /** It may be asked for sessions. A standby only as long as the primary says that it is in step. */
  get ready(): bool {
    if (this.role == Role.Primary) return true;
    return this.role == Role.Standby && !this.behind && this.heard.replicated && !this.isSilent(this.primaryHeardAt, 5);
  }

  /** Every `announceMs`: say where we stand, and see whether the primary still does. */
  onTick(): void {
    host.timer_set(Timer.Announce, this.announceMs);
    const now = host.monotonic();
    // Having been away ourselves is no proof that the primary is: listen for another while first.
    if (now - this.tickedAt > 0.6 * this.promoteMs) this.primaryHeardAt = now;
    this.tickedAt = now;
    if (this.role == Role.Standby && now - this.primaryHeardAt > this.promoteMs) this.succeed();
    else if (this.role == Role.Joining) this.join(now);
    else if (this.role == Role.Primary && this.replicated && this.isSilent(this.peerHeardAt, 6)) this.goOnAlone();
    this.announce();
  }

  onAnnouncement(from: Reader): void {
    const heard = this.heard;
    heard.read(from);
    if (from.failed) return;
    this.peerHeardAt = host.monotonic();
    if (this.role == Role.Primary) this.tendStandby(heard);
    else if (heard.role == Role.Primary) this.follow(heard);
  }

  /** A change was made here. The waiter is told once the standby has it too. */
  replicate(number: i32, waiter: Waiter): void {
    this.disk.saveSlot(number, this.epoch, this.sequence);
    const record = new RecordCall(this, this.peer, this.epoch, this.table.slot(number), waiter);
    if (this.replicated) {
      this.calls.ask(record);
      return;
    }
    if (this.sync.running) {
      record.write(beginFrame(Kind.Record));
      sendFrame(back, this.peer.address);
      this.sync.records++;
    }
    waiter.onSafe();
  }

  onRecord(from: i32, call: u32, record: Reader): void {
    const epoch = record.u32();
    const sequence = record.u64();
    const slot = new Slot(record.raw(slotLength).at);
    if (record.failed || !slot.intact) return;
    const taken = epoch == this.epoch && this.takeRecord(slot, sequence);
    if (call == 0) return;
    beginFrame(Kind.Recorded, call).u8(taken ? 1 : 0);
    sendFrame(back, from);
  }

  onSyncBegin(): void {
    this.table.clear();
    this.receiving = true;
    this.behind = true;
    this.recordsReceived = 0;
  }

  onSyncChunk(chunk: Reader): void {
    chunk.u32();
    if (this.receiving && !this.table.takeSome(chunk)) this.receiving = false;
  }

  onSyncEnd(end: Reader): void {
    end.u32();
    const sequence = end.u64();
    const sessions = end.u32();
    const records = end.u32();
    if (end.failed || !this.receiving) return;
    this.receiving = false;
    if (sessions != <u32>this.table.size || records != this.recordsReceived) return;
    this.sequence = sequence;
    this.behind = false;
    this.syncsReceived++;
    this.disk.saveAll(this.epoch, sequence);
    log(Level.Info, 'sync: ' + sessions.toString() + ' sessions received');
  }

  onSyncTimer(): void {
    // What comes after the last chunk is replicated one by one again; should the standby have missed some of it, it says so.
    if (this.sync.goOn(this.peer.address, this.epoch, this.sequence)) this.replicated = true;
  }

  /** The standby did not take a record, or did not answer: go on without it until it is in step again. */
  goOnAlone(): void {
    if (this.replicated) log(Level.Warning, 'the standby is lost; going on alone');
    this.replicated = false;
  }

  /** Booted, and no primary heard so far: somebody has to be the first. */
  private join(now: f64): void {
    const heard = this.heard;
    const waited = now - this.bootedAt;
    if (this.isSilent(this.peerHeardAt, 5)) {
      if (waited > this.joinMs) this.promote('nobody else is there');
      return;
    }
    if (heard.role == Role.Primary || waited < this.electMs) return;
    if (heard.role == Role.Standby) {
      // One that is in step has all sessions, and will succeed; one that is behind knows less than our disk.
      if (heard.behind) this.promote('the standby has missed something');
      return;
    }
    const ours = this.epoch == heard.epoch ? this.sequence > heard.sequence : this.epoch > heard.epoch;
    const same = this.epoch == heard.epoch && this.sequence == heard.sequence;
    if (ours || (same && this.preferred)) this.promote('both stores have booted');
  }

  private succeed(): void {
    if (this.behind && !this.isSilent(this.peerHeardAt, 5)) return;
    this.promote('the primary is silent');
  }

  private promote(why: string): void {
    this.epoch = max(this.epoch, this.heard.epoch) + 1;
    this.role = Role.Primary;
    this.replicated = false;
    this.receiving = false;
    this.behind = false;
    this.disk.saveHeader(this.epoch, this.sequence);
    log(Level.Warning, 'primary of epoch ' + this.epoch.toString() + ' now: ' + why);
  }

  private follow(primary: Announcement): void {
    this.primaryHeardAt = this.peerHeardAt;
    if (this.role == Role.Standby && primary.epoch == this.epoch) return;
    this.role = Role.Standby;
    this.epoch = primary.epoch;
    this.behind = true;
    log(Level.Info, 'standby of epoch ' + this.epoch.toString() + ' now');
  }

  /** The other store has told where it stands; where that is not where we are, it gets all sessions from us. */
  private tendStandby(heard: Announcement): void {
    if (this.sync.running || this.sync.resting || heard.role == Role.Joining) return;
    const inStep = heard.epoch == this.epoch && !heard.behind;
    if (inStep && (this.replicated || heard.sequence == this.sequence)) {
      this.replicated = true;
      return;
    }
    this.goOnAlone();
    this.sync.start(this.peer.address, this.epoch, this.sequence);
  }

  private takeRecord(slot: Slot, sequence: u64): bool {
    // During a sync the records come in between the chunks, and SyncEnd tells the number of the last one.
    if (this.receiving) {
      this.recordsReceived++;
    } else {
      if (this.behind) return false;
      if (sequence <= this.sequence) return true;
      if (sequence != this.sequence + 1) {
        this.behind = true;
        return false;
      }
      this.sequence = sequence;
    }
    let number: i32;
    if (slot.live) {
      number = this.table.take(slot);
      if (number < 0) return false;
    } else {
      number = this.table.find(slot.id);
      if (number < 0) return true;
      this.table.remove(number);
      this.table.slot(number).seal(false, sequence);
    }
    if (!this.receiving) this.disk.saveSlot(number, this.epoch, this.sequence);
    return true;
  }

  private announce(): void {
    const told = this.told;
    told.role = this.role;
    told.ready = this.ready;
    told.replicated = this.replicated;
    told.behind = this.behind;
    told.epoch = this.epoch;
    told.sequence = this.sequence;
    told.sessions = this.table.size;
    told.reads = this.reads;
    told.writes = this.writes;
    told.syncsSent = this.sync.sent;
    told.syncsReceived = this.syncsReceived;
    told.diskErrors = this.disk.errors;
    told.write(beginFrame(Kind.Announcement));
    for (let i = 0; i < this.listeners.length; i++) {
      const to = this.listeners[i].address;
      if (to >= 0) sendFrame(back, to);
    }
  }

  private isSilent(heardAt: f64, announcements: f64): bool {
    return host.monotonic() - heardAt > announcements * this.announceMs;
  }
}
