import { Backend } from '../gateway/backend';
import { Forward } from '../gateway/forward';
import { Stores } from '../gateway/stores';
import { View } from '../lib/bytes';
import { Calls, Duplicates } from '../lib/calls';
import { Config } from '../lib/config';
import { beginFrame, corruptFrames, openFrame, sendFrame } from '../lib/frame';
import { Kind, Op, Request, writeResponse } from '../lib/messages';
import { Level, log, randomBelow, release } from '../lib/reactor';

export { alloc, ordeal_reactor } from '../lib/reactor';

/** A worker of the gateway: connection point 0 is on the link `front`, 1 on `back`. */
const front: i32 = 0;
const back: i32 = 1;
const callsTimer: i32 = 1;
const backendTimer: i32 = 2;

class Worker {
  readonly stores: Stores;
  readonly calls: Calls;
  readonly backend: Backend;
  requests: u32 = 0;
  refused: u32 = 0;
  private readonly duplicates: Duplicates = new Duplicates();

  constructor(config: Config) {
    this.stores = new Stores(config);
    this.calls = new Calls(back, callsTimer, randomBelow(i32.MAX_VALUE));
    this.backend = new Backend(config.number('backendFromMs', 0), config.number('backendToMs', 0), backendTimer);
  }

  onRequest(from: i32, call: u32, request: Request): void {
    if (this.duplicates.isOne(from, call)) return;
    this.requests++;
    this.calls.ask(new StoreCall(this, request, from, call));
  }

  /** The answer to a health check says what this worker sees. */
  onPing(from: i32, call: u32): void {
    const answer = beginFrame(Kind.Pong, call);
    answer.u32(this.requests).u32(this.refused).u32(this.calls.waitingCount).u32(corruptFrames);
    this.stores.write(answer);
    sendFrame(front, from);
  }
}

/** Reads may be answered by either store and are asked twice; a change is for the primary, once. */
class StoreCall extends Forward {
  constructor(
    private readonly worker: Worker,
    request: Request,
    private readonly from: i32,
    private readonly question: u32,
  ) {
    super(request, request.op == Op.Get ? 100 : 300, request.op == Op.Get ? 2 : 1);
  }

  target(attempt: i32): i32 {
    const stores = this.worker.stores;
    this.asked = this.op == Op.Get ? stores.forRead(this.asked) : stores.forChange();
    return this.asked;
  }

  finish(status: i32, body: View): void {
    if (status >= 503 && status != 507) this.worker.refused++;
    if (this.worker.backend.hold(this.from, this.question, status, body)) return;
    answer(this.from, this.question, status, body);
  }
}

function answer(to: i32, question: u32, status: i32, body: View): void {
  writeResponse(beginFrame(Kind.Response, question), status, body);
  sendFrame(front, to);
}

let worker: Worker | null = null;

export function on_start(): void {
  worker = new Worker(Config.load());
  log(Level.Info, 'worker started');
}

export function on_message(cp: i32, from: i32, pointer: usize, length: i32): void {
  const it = worker;
  const frame = openFrame(pointer, length);
  if (it !== null && frame !== null) {
    const payload = frame.payload;
    if (cp == front && frame.kind == Kind.Request) {
      const request = Request.read(payload);
      if (!payload.failed) it.onRequest(from, frame.call, request);
    } else if (cp == front && frame.kind == Kind.Ping) {
      it.onPing(from, frame.call);
    } else if (cp == back && frame.kind == Kind.Response) {
      it.calls.onAnswer(frame.call, payload);
    } else if (cp == back && frame.kind == Kind.Announcement) {
      it.stores.onAnnouncement(from, payload);
    }
  }
  release(pointer);
}

export function on_timer(id: i32): void {
  const it = worker;
  if (it === null) return;
  if (id == callsTimer) it.calls.onTimer();
  else if (id == backendTimer) {
    for (let due = it.backend.take(); due !== null; due = it.backend.take())
      answer(due.to, due.question, due.status, due.body);
  }
}
