import type { Vnfc } from '../../harness/model/network-service.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly ordeal_reactor: () => number;
  readonly alloc: (length: number) => number;
  readonly on_start: () => void;
  readonly on_message: (cp: number, from: number, pointer: number, length: number) => void;
  readonly on_timer: (id: number) => void;
}

/** What a VNFC needs of the simulation that it lives in. */
export interface SimulatedWorld {
  readonly nowMs: number;
  readonly vnfcs: ReadonlyMap<string, { readonly address: number }>;
  readonly random: () => number;
  after(delayMs: number, run: () => void): void;
  answered(handle: number, text: string): void;
  carry(from: SimulatedVnfc, link: string, to: number, bytes: Buffer): void;
}

/** One VNFC on simulated time: booted, running, stalled, or crashed. */
export class SimulatedVnfc {
  readonly disks: Buffer[];
  readonly log: string[] = [];
  readonly lastArrival = new Map<string, number>();
  /** Which comes first when a stalled VNFC goes on: what it has been sent, or the timers that ran out meanwhile. */
  thawOrder: 'messages' | 'timers' = 'messages';
  boots = 0;
  #exports: Exports | undefined;
  #stalled = false;
  #inbox: (() => void)[] = [];
  #overdue: (() => void)[] = [];
  #timers = new Map<number, number>();
  #timerVersion = 0;
  #bootedAt = 0;

  constructor(
    private readonly simulation: SimulatedWorld,
    readonly vnfc: Vnfc,
    readonly address: number,
    private readonly module: WebAssembly.Module,
  ) {
    this.disks = vnfc.disks.map((d) => Buffer.alloc(d.sizeBytes));
  }

  get running(): boolean {
    return this.#exports !== undefined;
  }
  get memoryBytes(): number {
    return this.#exports?.memory.buffer.byteLength ?? 0;
  }

  /** Its linear memory, to look at and to damage. */
  memory(): Uint8Array {
    return new Uint8Array(this.#memory().buffer);
  }

  boot(): void {
    this.boots++;
    this.#bootedAt = this.simulation.nowMs;
    this.#timers.clear();
    this.#stalled = false;
    this.#inbox = [];
    this.#overdue = [];
    const instance = new WebAssembly.Instance(this.module, { ordeal: this.#imports() });
    this.#exports = instance.exports as unknown as Exports;
    if (this.#exports.ordeal_reactor() !== 1) throw new Error('not version 1 of the reactor interface');
    this.#event(() => this.#exports?.on_start());
  }

  /** As the NFVI does it: gone at once, booted afresh `respawnMs` later, with the disks that it left. */
  crash(): void {
    this.#exports = undefined;
    const { respawnMs } = this.vnfc.deployment;
    if (typeof respawnMs === 'number') this.simulation.after(respawnMs, () => this.boot());
  }

  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    const missed = this.thawOrder === 'messages' ? [this.#inbox, this.#overdue] : [this.#overdue, this.#inbox];
    this.#inbox = [];
    this.#overdue = [];
    for (const run of missed.flat()) this.#event(run);
  }

  deliver(cp: number, from: number, bytes: Buffer): void {
    const run = () => {
      const vnfc = this.#exports;
      if (vnfc === undefined) return;
      const pointer = vnfc.alloc(bytes.length);
      new Uint8Array(vnfc.memory.buffer).set(bytes, pointer);
      vnfc.on_message(cp, from, pointer, bytes.length);
    };
    if (!this.running) return;
    if (this.#stalled) this.#inbox.push(run);
    else this.#event(run);
  }

  #event(run: () => void): void {
    try {
      run();
    } catch (e) {
      this.log.push(`${this.simulation.nowMs} crashed: ${e}`);
      this.crash();
    }
  }

  #onTimer(id: number, version: number): void {
    if (this.#timers.get(id) !== version || !this.running) return;
    const run = () => {
      if (this.#timers.get(id) !== version) return;
      this.#timers.delete(id);
      this.#exports?.on_timer(id);
    };
    if (this.#stalled) this.#overdue.push(run);
    else this.#event(run);
  }

  #bytes(pointer: number, length: number): Buffer {
    return Buffer.from(this.#memory().buffer, pointer >>> 0, length);
  }

  #memory(): WebAssembly.Memory {
    if (this.#exports === undefined) throw new Error('the VNFC is not running');
    return this.#exports.memory;
  }

  #imports(): Record<string, (...args: number[]) => number | undefined> {
    const simulation = this.simulation;
    const ports = this.vnfc.connectionPoints;
    const config = Buffer.from(JSON.stringify(this.vnfc.deployment.config ?? {}));
    return {
      send: (cp = 0, to = 0, pointer = 0, length = 0) => {
        const bytes = Buffer.from(this.#bytes(pointer, length));
        const link = ports[cp]?.link;
        if (link === undefined) simulation.answered(to, bytes.toString());
        else simulation.carry(this, link, to, bytes);
        return undefined;
      },
      resolve: (pointer = 0, length = 0) =>
        simulation.vnfcs.get(this.#bytes(pointer, length).toString())?.address ?? -1,
      timer_set: (id = 0, delay = 0) => {
        const version = ++this.#timerVersion;
        this.#timers.set(id, version);
        simulation.after(delay, () => this.#onTimer(id, version));
        return undefined;
      },
      timer_cancel: (id = 0) => {
        this.#timers.delete(id);
        return undefined;
      },
      now: () => 1_750_000_000_000 + simulation.nowMs,
      monotonic: () => simulation.nowMs - this.#bootedAt,
      random: (pointer = 0, length = 0) => {
        const bytes = this.#bytes(pointer, length);
        for (let i = 0; i < length; i++) bytes[i] = simulation.random() * 256;
        return undefined;
      },
      log: (level = 0, pointer = 0, length = 0) => {
        this.log.push(`${simulation.nowMs.toFixed(1)} ${level} ${this.#bytes(pointer, length)}`);
        return undefined;
      },
      config: (pointer = 0, capacity = 0) => {
        if (capacity > 0) config.copy(this.#bytes(pointer, capacity));
        return config.length;
      },
      disk_size: (disk = 0) => this.disks[disk]?.length ?? -1,
      disk_read: (disk = 0, offset = 0, pointer = 0, length = 0) =>
        this.disks[disk]?.copy(this.#bytes(pointer, length), 0, offset, offset + length) ?? -22,
      disk_write: (disk = 0, offset = 0, pointer = 0, length = 0) => {
        const target = this.disks[disk];
        if (target === undefined || offset + length > target.length) return -22;
        return this.#bytes(pointer, length).copy(target, offset);
      },
      disk_flush: () => 0,
      exit: (code = 0) => {
        throw new Error(`exit(${code})`);
      },
    };
  }
}
