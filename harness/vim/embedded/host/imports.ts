import { randomFillSync } from 'node:crypto';
import type { Control } from './control.js';
import type { Emission, LogLine } from './thread-protocol.js';
import type { Timers } from './timers.js';
import type { VirtualDisk } from './virtual-disk.js';

/** Thrown through the module when it calls exit(). */
export class Exit {
  constructor(readonly code: number) {}
}

export interface ReactorHost {
  readonly control: Control;
  readonly memory: WebAssembly.Memory;
  readonly timers: Timers;
  readonly disks: readonly VirtualDisk[];
  readonly config: Uint8Array;
  readonly names: ReadonlyMap<string, number>;
  /** While a module is instantiated for a restore, its start function must not be seen by anybody. */
  readonly muted: () => boolean;
  readonly monotonic: () => number;
  readonly emit: (message: Emission) => void;
  readonly log: (line: LogLine) => void;
  readonly exit: (code: number) => never;
}

const longestLogLine = 4096;

/** The functions of the module `ordeal` (REACTOR.md). A pointer out of range traps, as it would inside the module. */
export function reactorFunctions(host: ReactorHost) {
  const { memory, timers, control } = host;
  const utf8 = new TextDecoder();
  const view = (pointer: number, length: number): Uint8Array =>
    new Uint8Array(memory.buffer, pointer >>> 0, length >>> 0);
  // A copy: what is shared may not be decoded in place, and must not change under the receiver.
  const copy = (pointer: number, length: number): Uint8Array => new Uint8Array(view(pointer, length));
  const text = (pointer: number, length: number): string => utf8.decode(copy(pointer, length));
  return {
    send(cp: number, to: number, pointer: number, length: number) {
      if (!host.muted() && control.emit()) host.emit([cp, to, copy(pointer, length)]);
      return undefined;
    },
    resolve: (pointer: number, length: number) => host.names.get(text(pointer, length)) ?? -1,
    timer_set(id: number, delay: number) {
      if (!host.muted()) timers.set(id, host.monotonic() + (Number.isNaN(delay) ? 0 : Math.max(0, delay)));
      return undefined;
    },
    timer_cancel(id: number) {
      timers.cancel(id);
      return undefined;
    },
    now: () => Date.now() + control.clockOffsetMs,
    monotonic: () => host.monotonic(),
    random(pointer: number, length: number) {
      randomFillSync(view(pointer, length));
      return undefined;
    },
    log(level: number, pointer: number, length: number) {
      if (!host.muted()) host.log([level, Date.now(), text(pointer, Math.min(length >>> 0, longestLogLine))]);
      return undefined;
    },
    config(pointer: number, capacity: number) {
      const part = host.config.subarray(0, capacity >>> 0);
      view(pointer, part.length).set(part);
      return host.config.length;
    },
    disk_size: (disk: number) => {
      const it = host.disks[disk];
      return it?.attached ? it.sizeBytes : -1;
    },
    disk_read: (disk: number, offset: number, pointer: number, length: number) =>
      host.disks[disk]?.read(offset, view(pointer, length)) ?? -22,
    disk_write: (disk: number, offset: number, pointer: number, length: number) =>
      host.muted() ? -5 : (host.disks[disk]?.write(offset, view(pointer, length)) ?? -22),
    disk_flush: (disk: number) => host.disks[disk]?.flush() ?? -22,
    exit(code: number) {
      return host.exit(code);
    },
  };
}
