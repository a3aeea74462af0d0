import { View, viewOf } from '../../../session-gateway/assembly/lib/bytes';
import { Config } from '../../../session-gateway/assembly/lib/config';
import { answerHttp, HttpRequest } from '../../../session-gateway/assembly/lib/http';
import { Json } from '../../../session-gateway/assembly/lib/json';
import * as host from '../../../session-gateway/assembly/lib/ordeal';
import { Level, log, release } from '../../../session-gateway/assembly/lib/reactor';

export { alloc, ordeal_reactor } from '../../../session-gateway/assembly/lib/reactor';

/** A VNFC with much memory: all of it filled with words that do not repeat, some of it changed all the time. */
const publicCp: i32 = 0;
const dirtyTimer: i32 = 1;
const dirtyMs: f64 = 50;
const pageLength: i32 = 65536;

class Ballast {
  counter: u64 = 0;
  /** The sum of all words, kept up with every change. */
  sum: u64 = 0;
  readonly length: usize;
  private readonly at: usize;
  private readonly pagesPerTick: f64;
  private readonly pages: i32;
  private word: u64;
  private page: i32 = 0;
  private due: f64 = 0;

  constructor(config: Config) {
    this.pages = <i32>(config.number('ballastMiB', 64) * 16);
    this.length = <usize>this.pages * pageLength;
    // splitmix64 of different seeds has no words in common for any length that fits.
    this.word = <u64>config.number('seed', 1) * 0xd1342543de82ef95;
    this.pagesPerTick = ((this.pages * config.number('dirtyPercentPerSecond', 0)) / 100) * (dirtyMs / 1000);
    this.at = heap.alloc(this.length);
    for (let offset: usize = 0; offset < this.length; offset += 8) {
      const word = this.next();
      store<u64>(this.at + offset, word);
      this.sum += word;
    }
  }

  /** Changes one word in every 4 KiB of the pages that are due. */
  onTick(): void {
    host.timer_set(dirtyTimer, dirtyMs);
    for (this.due += this.pagesPerTick; this.due >= 1; this.due--) {
      const page = this.at + <usize>this.page * pageLength;
      for (let offset = 0; offset < pageLength; offset += 4096) {
        const place = page + offset;
        const word = this.next();
        this.sum += word - load<u64>(place);
        store<u64>(place, word);
      }
      this.page = (this.page + 1) % this.pages;
    }
  }

  /** Adds all words up anew; differs from `sum` when a single byte of the memory is not what it was. */
  recount(): u64 {
    let sum: u64 = 0;
    for (let offset: usize = 0; offset < this.length; offset += 8) sum += load<u64>(this.at + offset);
    return sum;
  }

  private next(): u64 {
    this.word += 0x9e3779b97f4a7c15;
    let z = this.word;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return z == 0 ? 1 : z;
  }
}

let ballast: Ballast | null = null;

export function on_start(): void {
  const started = new Ballast(Config.load());
  ballast = started;
  log(Level.Info, 'holds ' + started.length.toString() + ' bytes');
  started.onTick();
}

/** `GET /`: counts itself, and gives the kept checksum; `GET /verify`: 200 when the memory still agrees with it. */
export function on_message(cp: i32, from: i32, pointer: usize, length: i32): void {
  const it = ballast;
  if (it !== null && cp == publicCp) {
    const verify = new HttpRequest(new View(pointer, length)).path.equals('/verify');
    it.counter++;
    const json = new Json()
      .open()
      .number('counter', <f64>it.counter)
      .number('bytes', <f64>it.length);
    json.text('checksum', it.sum.toString(16));
    let status = 200;
    if (verify) {
      const recount = it.recount();
      json.text('recount', recount.toString(16));
      if (recount != it.sum) status = 500;
    }
    answerHttp(publicCp, from, status, 'application/json', viewOf(String.UTF8.encode(json.close().toString())));
  }
  release(pointer);
}

export function on_timer(id: i32): void {
  const it = ballast;
  if (it !== null && id == dirtyTimer) it.onTick();
}
