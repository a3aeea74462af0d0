import { Forward } from '../gateway/forward';
import { Counters, statusOf } from '../gateway/status';
import { Workers } from '../gateway/workers';
import { View, viewOf } from '../lib/bytes';
import { Calls } from '../lib/calls';
import { Config } from '../lib/config';
import { openFrame } from '../lib/frame';
import { answerHttp, HttpRequest } from '../lib/http';
import { Kind, longestId, Op, Request } from '../lib/messages';
import * as host from '../lib/ordeal';
import { Level, log, randomBelow, release } from '../lib/reactor';

export { alloc, ordeal_reactor } from '../lib/reactor';

/** The load balancer: connection point 0 is `public` (HTTP), 1 is on the link `front`. */
const publicCp: i32 = 0;
const front: i32 = 1;
const callsTimer: i32 = 1;
const healthTimer: i32 = 2;

/** After its boot it holds this many requests, for this long, until a worker knows a primary. */
const earlyLimit: i32 = 512;
const holdMs: f64 = 3000;

const nothing = new View(0, 0);
const textPlain = 'text/plain';

class LoadBalancer {
  readonly calls: Calls;
  readonly workers: Workers;
  readonly counters: Counters = new Counters();
  private readonly retryMs: f64;
  /** Requests that came before the service was ready for the first time. */
  private early: WorkerCall[] = [];
  private ready: bool = false;

  constructor(config: Config) {
    const calls = new Calls(front, callsTimer, randomBelow(i32.MAX_VALUE));
    this.calls = calls;
    this.workers = new Workers(config, calls);
    this.retryMs = config.number('retryMs', 250);
  }

  onTick(): void {
    host.timer_set(healthTimer, this.workers.healthMs);
    this.workers.check();
    if (!this.ready) this.ready = this.workers.healthy || host.monotonic() > holdMs;
    if (!this.ready || this.early.length == 0) return;
    const early = this.early;
    this.early = [];
    for (let i = 0; i < early.length; i++) this.calls.ask(early[i]);
  }

  onHttp(handle: i32, request: HttpRequest): void {
    this.counters.requests++;
    const path = request.path;
    if (path.startsWith('/sessions/')) {
      this.onSession(handle, request, path.slice(10));
    } else if (path.equals('/status')) {
      const body = String.UTF8.encode(statusOf(this.counters, this.workers.all));
      answerHttp(publicCp, handle, 200, 'application/json', viewOf(body));
    } else if (path.equals('/health')) {
      if (this.workers.healthy) plain(handle, 200, 'ok\n');
      else plain(handle, 503, 'no worker knows a primary\n');
    } else plain(handle, 404, 'no such page\n');
  }

  private onSession(handle: i32, request: HttpRequest, rest: View): void {
    const slash = rest.indexOf(47 /* / */);
    const id = slash < 0 ? rest : rest.slice(0, slash);
    if (id.length == 0 || id.length > longestId) {
      plain(handle, 400, 'the id of a session has 1 to ' + longestId.toString() + ' characters\n');
      return;
    }
    if (slash >= 0 && !rest.slice(slash).equals('/hits')) {
      plain(handle, 404, 'no such page\n');
      return;
    }
    const op = slash < 0 ? sessionOp(request.method) : request.method.equals('POST') ? Op.Hit : 0;
    if (op == 0) {
      plain(handle, 405, 'this method is not allowed here\n');
      return;
    }
    const body = op == Op.Put ? request.body : nothing;
    if (body.length > 4096) {
      plain(handle, 413, 'too large\n');
      return;
    }
    // A hit counted twice is wrong; everything else may be asked again.
    const attempts = op == Op.Hit ? 1 : 2;
    const timeoutMs = op == Op.Hit ? 2 * this.retryMs : this.retryMs;
    const call = new WorkerCall(this, handle, new Request(<Op>op, id, body), timeoutMs, attempts);
    if (this.ready) this.calls.ask(call);
    else if (this.early.length < earlyLimit) this.early.push(call);
    else call.onFailure();
  }
}

class WorkerCall extends Forward {
  constructor(
    private readonly lb: LoadBalancer,
    private readonly handle: i32,
    request: Request,
    timeoutMs: f64,
    attempts: i32,
  ) {
    super(request, timeoutMs, attempts);
  }

  target(attempt: i32): i32 {
    if (attempt > 0) this.lb.counters.retries++;
    this.asked = this.lb.workers.pick(this.asked);
    return this.asked;
  }

  finish(status: i32, body: View): void {
    const refused = status == 503 || status == 504;
    if (refused) this.lb.counters.refused++;
    else this.lb.counters.served++;
    if (refused) plain(this.handle, status, status == 503 ? 'try again\n' : 'no answer in time\n');
    else answerHttp(publicCp, this.handle, status, textPlain, body);
  }
}

function sessionOp(method: View): i32 {
  if (method.equals('GET')) return Op.Get;
  if (method.equals('PUT')) return Op.Put;
  if (method.equals('DELETE')) return Op.Delete;
  return 0;
}

function plain(handle: i32, status: i32, text: string): void {
  answerHttp(publicCp, handle, status, textPlain, viewOf(String.UTF8.encode(text)));
}

let lb: LoadBalancer | null = null;

export function on_start(): void {
  const started = new LoadBalancer(Config.load());
  lb = started;
  started.onTick();
  log(Level.Info, 'load balancer started');
}

export function on_message(cp: i32, from: i32, pointer: usize, length: i32): void {
  const it = lb;
  if (it !== null && cp == publicCp) {
    it.onHttp(from, new HttpRequest(new View(pointer, length)));
  } else if (it !== null) {
    const frame = openFrame(pointer, length);
    if (frame !== null && (frame.kind == Kind.Response || frame.kind == Kind.Pong)) {
      it.calls.onAnswer(frame.call, frame.payload);
    }
  }
  release(pointer);
}

export function on_timer(id: i32): void {
  const it = lb;
  if (it === null) return;
  if (id == healthTimer) it.onTick();
  else if (id == callsTimer) it.calls.onTimer();
}
