import { Reader, Writer } from '../lib/bytes';
import { Call, Calls } from '../lib/calls';
import { Config } from '../lib/config';
import { Announcement, Kind } from '../lib/messages';
import * as host from '../lib/ordeal';
import { namesIn, Peer } from '../lib/peers';
import { Level, log } from '../lib/reactor';

/** What a worker says of a store. */
export class StoreReport {
  constructor(
    readonly name: string,
    readonly silentMs: f64,
    readonly said: Announcement = new Announcement(),
  ) {}
}

/** A worker as its health checks show it. */
export class WorkerView {
  readonly peer: Peer;
  up: bool = false;
  misses: i32 = 0;
  answers: i32 = 0;
  heardAt: f64 = -1e9;
  requests: u32 = 0;
  refused: u32 = 0;
  waiting: u32 = 0;
  corrupt: u32 = 0;
  primary: string = '';
  hasPrimary: bool = false;
  stores: StoreReport[] = [];

  constructor(
    readonly name: string,
    private readonly outAfter: i32,
    private readonly backAfter: i32,
  ) {
    this.peer = new Peer(name);
  }

  onPong(report: Reader): void {
    this.requests = report.u32();
    this.refused = report.u32();
    this.waiting = report.u32();
    this.corrupt = report.u32();
    this.primary = report.text();
    this.hasPrimary = report.u8() != 0;
    const count = <i32>report.u8();
    this.stores = [];
    for (let i = 0; i < count; i++) {
      const store = new StoreReport(report.text(), report.f64());
      store.said.read(report);
      this.stores.push(store);
    }
    this.heardAt = host.monotonic();
    this.misses = 0;
    if (!this.up && ++this.answers >= this.backAfter) this.turn(true);
  }

  onMiss(): void {
    this.answers = 0;
    if (++this.misses >= this.outAfter && this.up) this.turn(false);
  }

  private turn(up: bool): void {
    this.up = up;
    this.answers = 0;
    if (up) log(Level.Info, this.name + ' is in service');
    else log(Level.Warning, this.name + ' is out of service');
  }
}

/** The workers, checked every `healthMs`, and picked in turn. */
export class Workers {
  readonly all: WorkerView[] = [];
  private turn: i32 = 0;
  readonly healthMs: f64;

  constructor(
    config: Config,
    private readonly calls: Calls,
  ) {
    this.healthMs = config.number('healthMs', 100);
    const outAfter = <i32>config.number('outAfterMisses', 3);
    const backAfter = <i32>config.number('backAfterAnswers', 2);
    const names = namesIn(config, 'workers');
    for (let i = 0; i < names.length; i++) this.all.push(new WorkerView(names[i], outAfter, backAfter));
  }

  check(): void {
    for (let i = 0; i < this.all.length; i++) this.calls.ask(new HealthCheck(this.all[i], this.healthMs));
  }

  /** The next worker in service, another than `notThis` if there is one; -1 when there is none. */
  pick(notThis: i32): i32 {
    let last = -1;
    for (let i = 0; i < this.all.length; i++) {
      this.turn = (this.turn + 1) % this.all.length;
      const worker = this.all[this.turn];
      if (!worker.up) continue;
      last = worker.peer.address;
      if (last != notThis) return last;
    }
    return last;
  }

  /** Some worker is in service and knows a primary. */
  get healthy(): bool {
    for (let i = 0; i < this.all.length; i++) if (this.all[i].up && this.all[i].hasPrimary) return true;
    return false;
  }
}

class HealthCheck extends Call {
  constructor(
    private readonly worker: WorkerView,
    timeoutMs: f64,
  ) {
    super(Kind.Ping, timeoutMs, 1);
  }
  target(attempt: i32): i32 {
    return this.worker.peer.address;
  }
  write(payload: Writer): void {}
  onAnswer(answer: Reader): bool {
    this.worker.onPong(answer);
    return true;
  }
  onFailure(): void {
    this.worker.onMiss();
  }
}
