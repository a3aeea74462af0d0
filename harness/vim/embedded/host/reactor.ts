import { asError } from '../../../util/errors.js';
import { globalPrefix, growExport, limitExport } from '../prepare.js';
import { Control, monotonicMs } from './control.js';
import { CpuGate } from './cpu-gate.js';
import { Exit, reactorFunctions } from './imports.js';
import type { Delivery, Emission, LogLine, ReactorState, ThreadData } from './thread-protocol.js';
import { Timers } from './timers.js';
import { type DiskShare, VirtualDisk } from './virtual-disk.js';

/** So that a VNFC that only talks does not starve the host of memory. */
const logLinesPerSecond = 2000;
/** Events are run for at most this long before the thread looks for new messages and questions. */
const turnMs = 4;

type Pending = Delivery | { readonly probe: number; readonly spinMs: number };

interface Exports {
  readonly ordeal_reactor: () => number;
  readonly alloc: (length: number) => number;
  readonly on_start: () => void;
  readonly on_message: (cp: number, from: number, pointer: number, length: number) => void;
  readonly on_timer: (id: number) => void;
  readonly [growExport]: (pages: number) => number;
}

export interface ReactorEvents {
  flush(messages: Emission[], logs: LogLine[]): void;
  started(): void;
  probed(id: number): void;
  ended(code: number, reason: string): void;
}

/** One WebAssembly instance and its event loop: an event at a time, each to its end, none while it is frozen. */
export class Reactor {
  readonly control: Control;
  readonly disks: VirtualDisk[];
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #globals: readonly WebAssembly.Global[];
  readonly #limit: WebAssembly.Global;
  readonly #now: () => number;
  readonly #timers = new Timers();
  #inbox: Pending[] = [];
  #head = 0;
  #startPending = true;
  #frozen: boolean;
  #monotonicBase = 0;
  #runningSince = 0;
  readonly #gate: CpuGate;
  #alarm: NodeJS.Timeout | undefined;
  #again: NodeJS.Immediate | undefined;
  #out: Emission[] = [];
  #logSecond = 0;
  #logsThisSecond = 0;
  #exit: Exit | undefined;
  #over = false;

  constructor(
    data: ThreadData,
    readonly events: ReactorEvents,
  ) {
    this.control = new Control(data.control);
    this.#gate = new CpuGate(this.control);
    this.disks = data.disks.map((d) => new VirtualDisk(d));
    this.#memory = data.memory;
    this.#frozen = data.restore;
    this.#runningSince = monotonicMs();
    let muted = data.restore;
    const functions = reactorFunctions({
      control: this.control,
      memory: data.memory,
      timers: this.#timers,
      disks: this.disks,
      config: new TextEncoder().encode(data.config),
      names: new Map(Object.entries(data.names)),
      muted: () => muted,
      monotonic: () => this.monotonic,
      emit: (message) => this.#emit(message),
      log: (line) => this.#log(line),
      exit: (code) => {
        this.#exit = new Exit(code);
        throw this.#exit;
      },
    });
    this.#now = functions.now;
    const instance = new WebAssembly.Instance(data.module, { ordeal: { ...functions, memory: data.memory } });
    this.#exports = instance.exports as unknown as Exports;
    this.#globals = Object.keys(instance.exports)
      .filter((name) => name.startsWith(globalPrefix))
      .sort((a, b) => Number(a.slice(globalPrefix.length)) - Number(b.slice(globalPrefix.length)))
      .map((name) => instance.exports[name] as WebAssembly.Global);
    this.#limit = instance.exports[limitExport] as WebAssembly.Global;
    this.#limit.value = data.memoryLimitPages;
    const version = this.#exports.ordeal_reactor();
    if (version !== 1)
      throw new Error(`ordeal_reactor() returned ${version}; this host has version 1 of the interface`);
    muted = false;
  }

  /** Milliseconds that it has run; stands still while it is frozen. */
  get monotonic(): number {
    return this.#monotonicBase + (this.#frozen ? 0 : monotonicMs() - this.#runningSince);
  }

  get pages(): number {
    // Growing by nothing refreshes the view of a shared memory.
    return this.#memory.grow(0);
  }

  get memory(): Uint8Array {
    this.#memory.grow(0);
    return new Uint8Array(this.#memory.buffer);
  }

  receive(messages: readonly Delivery[]): void {
    for (const m of messages) this.#inbox.push(m);
    this.run();
  }

  probe(id: number, spinMs: number): void {
    this.#inbox.push({ probe: id, spinMs });
    this.run();
  }

  freeze(): void {
    if (this.#frozen) return;
    this.#monotonicBase = this.monotonic;
    this.#frozen = true;
    clearTimeout(this.#alarm);
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.#runningSince = monotonicMs();
    this.run();
  }

  get globals(): ReactorState['globals'] {
    return this.#globals.map(({ value }) =>
      typeof value === 'bigint'
        ? { type: 'bigint', value: value.toString() }
        : { type: 'number', value: Object.is(value, -0) ? '-0' : String(value) },
    );
  }

  get state(): ReactorState {
    return {
      globals: this.globals,
      timers: this.#timers.pending(this.monotonic),
      inbox: this.#inbox.slice(this.#head).filter((m): m is Delivery => !('probe' in m)),
      monotonicMs: this.monotonic,
      startPending: this.#startPending,
    };
  }

  /** The memory has been filled already. */
  restore(state: ReactorState): void {
    if (state.globals.length !== this.#globals.length) {
      throw new Error(`the snapshot has ${state.globals.length} globals, the module ${this.#globals.length}`);
    }
    state.globals.forEach(({ type, value }, i) => {
      (this.#globals[i] as WebAssembly.Global).value = type === 'bigint' ? BigInt(value) : Number(value);
    });
    this.#monotonicBase = state.monotonicMs;
    for (const { id, leftMs } of state.timers) this.#timers.set(id, state.monotonicMs + leftMs);
    this.#inbox = [...state.inbox, ...this.#inbox.slice(this.#head)];
    this.#head = 0;
    this.#startPending = state.startPending;
  }

  get limitPages(): number {
    return Number(this.#limit.value) >>> 0;
  }
  set limitPages(pages: number) {
    this.#limit.value = pages;
  }

  /** Runs what is due until there is nothing, until it is to freeze, or until the thread must listen again. */
  run(): void {
    clearTimeout(this.#alarm);
    const listenAtMs = monotonicMs() + turnMs;
    while (!this.#over && !this.#frozen && !this.control.frozen && this.#step()) {
      if (this.#out.length >= 32) this.#flush();
      if (monotonicMs() < listenAtMs) continue;
      clearImmediate(this.#again);
      this.#again = setImmediate(() => this.run());
      break;
    }
    this.#flush();
    const due = this.#timers.nextDue;
    if (due === undefined || this.#frozen || this.#over) return;
    const wait = Math.min(2 ** 31 - 1, Math.max(0, Math.ceil(due - this.monotonic)));
    this.#alarm = setTimeout(() => this.run(), wait);
  }

  /** @returns whether there was something to do */
  #step(): boolean {
    const due = this.#timers.nextDue;
    const timerIsDue = due !== undefined && due <= this.monotonic;
    if (!this.#startPending && !timerIsDue && this.#head === this.#inbox.length) return false;
    if (this.#gate.isShut(() => this.#flush())) return true;
    const begin = monotonicMs();
    this.control.eventBegins();
    let probed: number | undefined;
    try {
      if (this.#startPending) {
        this.#startPending = false;
        this.#exports.on_start();
        this.events.started();
      } else if (timerIsDue) {
        const id = this.#timers.takeDue(this.monotonic);
        if (id !== undefined) this.#exports.on_timer(id);
      } else {
        probed = this.#next();
      }
      if (this.#exit !== undefined) throw this.#exit;
    } catch (e) {
      this.#end(e);
    } finally {
      this.control.eventEnds();
      this.#gate.pay(begin);
    }
    if (probed !== undefined) this.events.probed(probed);
    return true;
  }

  #next(): number | undefined {
    const item = this.#inbox[this.#head++] as Pending;
    if (this.#head > 1024 && this.#head * 2 > this.#inbox.length) {
      this.#inbox = this.#inbox.slice(this.#head);
      this.#head = 0;
    }
    if ('probe' in item) {
      for (const end = monotonicMs() + item.spinMs; monotonicMs() < end; );
      return item.probe;
    }
    this.control.took();
    const [cp, from, data] = item;
    const pointer = this.#exports.alloc(data.length) >>> 0;
    new Uint8Array(this.#memory.buffer, pointer, data.length).set(data);
    this.#exports.on_message(cp, from, pointer, data.length);
    return undefined;
  }

  #emit(message: Emission): void {
    this.#out.push(message);
    // An event that never ends and always sends must not fill the memory of the host.
    if (this.#out.length >= 1024) this.#flush();
  }

  #log(line: LogLine): void {
    const lines: LogLine[] = [];
    const second = Math.floor(line[1] / 1000);
    if (second !== this.#logSecond) {
      const lost = this.#logsThisSecond - logLinesPerSecond;
      if (lost > 0) lines.push([2, line[1], `${lost} log lines of one second were dropped`]);
      this.#logSecond = second;
      this.#logsThisSecond = 0;
    }
    if (++this.#logsThisSecond <= logLinesPerSecond) lines.push(line);
    // At once: the event may never end, and then its last words are what one looks for.
    if (lines.length > 0) this.events.flush([], lines);
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    this.events.flush(this.#out, []);
    this.#out = [];
  }

  #end(thrown: unknown): void {
    this.#over = true;
    this.#flush();
    if (this.#exit !== undefined) this.events.ended(this.#exit.code, `it called exit(${this.#exit.code})`);
    else this.events.ended(1, `it trapped: ${asError(thrown).message}`);
  }

  /** It handles nothing any more. */
  retire(): void {
    this.#over = true;
    clearTimeout(this.#alarm);
    clearImmediate(this.#again);
  }

  /** The wall clock as the VNFC reads it. */
  wallClock(): number {
    return this.#now();
  }

  /** Tries to grow the memory by one page more than it may, by the way that the module takes. */
  growBeyondLimit(): { pages: number; limitPages: number; refused: boolean } {
    const { pages, limitPages } = this;
    // Without a limit this would succeed, and a measurement must change nothing.
    const refused = limitPages < 65_536 && this.#exports[growExport](Math.max(0, limitPages - pages) + 1) === -1;
    return { pages, limitPages, refused };
  }

  replaceDisk(index: number, disk: DiskShare): void {
    this.disks[index] = new VirtualDisk(disk);
  }
}
