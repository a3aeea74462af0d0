import { View, viewOf } from '../lib/bytes';
import { Calls, Duplicates } from '../lib/calls';
import { Config } from '../lib/config';
import { beginFrame, openFrame, sendFrame } from '../lib/frame';
import { Kind, longestId, longestState, Op, Request, Role, writeResponse } from '../lib/messages';
import { randomBelow, release } from '../lib/reactor';
import { Checkpoint } from '../store/checkpoint';
import { Waiter } from '../store/record-call';
import { back, Replica, Timer } from '../store/replica';
import { Table } from '../store/table';

export { alloc, ordeal_reactor } from '../lib/reactor';

/** The session store: connection point 0 is on the link `back`, disk 0 is its own. */
class Store {
  readonly table: Table;
  readonly calls: Calls;
  readonly replica: Replica;
  private readonly duplicates: Duplicates = new Duplicates();

  constructor(config: Config) {
    const table = new Table(<i32>config.number('capacity', 5440));
    const calls = new Calls(back, Timer.Calls, randomBelow(i32.MAX_VALUE));
    this.table = table;
    this.calls = calls;
    this.replica = new Replica(config, table, new Checkpoint(0, table), calls);
  }

  onRequest(from: i32, call: u32, request: Request): void {
    if (this.duplicates.isOne(from, call)) return;
    if (request.id.length == 0 || request.id.length > longestId) respond(from, call, 400, null);
    else if (request.op == Op.Get) this.get(from, call, request);
    else if (this.replica.role != Role.Primary) respond(from, call, 503, null);
    else this.change(from, call, request);
  }

  private get(from: i32, call: u32, request: Request): void {
    if (!this.replica.ready) {
      respond(from, call, 503, null);
      return;
    }
    this.replica.reads++;
    const number = this.table.find(request.id);
    if (number < 0) respond(from, call, 404, null);
    else respond(from, call, 200, this.table.slot(number).state);
  }

  private change(from: i32, call: u32, request: Request): void {
    let number = this.table.find(request.id);
    if (number < 0 && request.op != Op.Put) {
      respond(from, call, 404, null);
      return;
    }
    if (request.body.length > longestState) {
      respond(from, call, 413, null);
      return;
    }
    if (number < 0) {
      if (this.table.full) {
        respond(from, call, 507, null);
        return;
      }
      number = this.table.add(request.id);
    }
    const slot = this.table.slot(number);
    const sequence = ++this.replica.sequence;
    const answer = new Answer(from, call);
    if (request.op == Op.Put) {
      // A session that is put again keeps its hits.
      slot.fill(request.id, request.body, slot.live ? slot.hits : 0, sequence);
      answer.status = 201;
    } else if (request.op == Op.Hit) {
      answer.body = String.UTF8.encode(slot.hit(sequence).toString());
    } else {
      this.table.remove(number);
      slot.seal(false, sequence);
      answer.status = 204;
    }
    this.replica.writes++;
    this.replica.replicate(number, answer);
  }
}

class Answer extends Waiter {
  status: i32 = 200;
  body: ArrayBuffer | null = null;
  constructor(
    private readonly to: i32,
    private readonly call: u32,
  ) {
    super();
  }
  onSafe(): void {
    const body = this.body;
    respond(this.to, this.call, this.status, body === null ? null : viewOf(body));
  }
}

function respond(to: i32, call: u32, status: i32, body: View | null): void {
  writeResponse(beginFrame(Kind.Response, call), status, body);
  sendFrame(back, to);
}

let store: Store | null = null;

export function on_start(): void {
  const started = new Store(Config.load());
  store = started;
  started.replica.boot();
}

export function on_message(cp: i32, from: i32, pointer: usize, length: i32): void {
  const it = store;
  const frame = openFrame(pointer, length);
  if (it !== null && frame !== null) {
    const payload = frame.payload;
    switch (frame.kind) {
      case Kind.Request: {
        const request = Request.read(payload);
        if (!payload.failed) it.onRequest(from, frame.call, request);
        break;
      }
      case Kind.Announcement:
        it.replica.onAnnouncement(payload);
        break;
      case Kind.Record:
        it.replica.onRecord(from, frame.call, payload);
        break;
      case Kind.Recorded:
        it.calls.onAnswer(frame.call, payload);
        break;
      case Kind.SyncBegin:
        it.replica.onSyncBegin();
        break;
      case Kind.SyncChunk:
        it.replica.onSyncChunk(payload);
        break;
      case Kind.SyncEnd:
        it.replica.onSyncEnd(payload);
        break;
    }
  }
  release(pointer);
}

export function on_timer(id: i32): void {
  const it = store;
  if (it === null) return;
  if (id == Timer.Announce) it.replica.onTick();
  else if (id == Timer.Calls) it.calls.onTimer();
  else if (id == Timer.Sync) it.replica.onSyncTimer();
}
