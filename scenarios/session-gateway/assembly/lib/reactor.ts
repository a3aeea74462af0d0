import * as host from './ordeal';

/** The exports that every VNFC has in common, and the host in terms of AssemblyScript. */

export function ordeal_reactor(): i32 {
  return 1;
}

/** The payload of the message that comes next; the entry module gives it back with `release`. */
export function alloc(length: i32): usize {
  return heap.alloc(<usize>length);
}

export function release(pointer: usize): void {
  heap.free(pointer);
}

export const enum Level {
  Debug = 0,
  Info = 1,
  Warning = 2,
  Error = 3,
}

export function log(level: Level, text: string): void {
  const bytes = String.UTF8.encode(text);
  host.log(level, changetype<usize>(bytes), bytes.byteLength);
}

/** @returns -1 when there is no such VNFC */
export function resolve(name: string): i32 {
  const bytes = String.UTF8.encode(name);
  return host.resolve(changetype<usize>(bytes), bytes.byteLength);
}

let randomState: u32 = 0;

/** xorshift32, seeded once from the host: picks among equals, nothing more. */
export function randomBelow(limit: i32): i32 {
  if (randomState == 0) {
    const seed = new StaticArray<u32>(1);
    host.random(changetype<usize>(seed), 4);
    randomState = seed[0] | 1;
  }
  randomState ^= randomState << 13;
  randomState ^= randomState >> 17;
  randomState ^= randomState << 5;
  return <i32>(randomState % <u32>limit);
}

/** A failed assertion of the runtime or a `throw`: the VNFC says why, then it traps, which is a crash. */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message === null ? 'aborted' : message;
  const where = file === null ? 'unknown' : file;
  log(Level.Error, what + ' (' + where + ':' + line.toString() + ':' + column.toString() + ')');
  unreachable();
}
