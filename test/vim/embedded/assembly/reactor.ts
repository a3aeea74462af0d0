// The reactor interface (harness/vim/embedded/REACTOR.md) as AssemblyScript sees it, for the test modules.
@external("ordeal", "send") declare function hostSend(cp: i32, to: i32, pointer: usize, length: i32): void;
@external("ordeal", "resolve") declare function hostResolve(pointer: usize, length: i32): i32;
@external("ordeal", "timer_set") export declare function timerSet(id: i32, delay: f64): void;
@external("ordeal", "timer_cancel") export declare function timerCancel(id: i32): void;
@external("ordeal", "now") export declare function now(): f64;
@external("ordeal", "monotonic") export declare function monotonic(): f64;
@external("ordeal", "random") declare function hostRandom(pointer: usize, length: i32): void;
@external("ordeal", "log") declare function hostLog(level: i32, pointer: usize, length: i32): void;
@external("ordeal", "config") declare function hostConfig(pointer: usize, capacity: i32): i32;
@external("ordeal", "disk_size") export declare function diskSize(disk: i32): f64;
@external("ordeal", "disk_read") declare function hostDiskRead(disk: i32, offset: f64, pointer: usize, length: i32): i32;
@external("ordeal", "disk_write") declare function hostDiskWrite(disk: i32, offset: f64, pointer: usize, length: i32): i32;
@external("ordeal", "disk_flush") export declare function diskFlush(disk: i32): i32;
@external("ordeal", "exit") export declare function exit(code: i32): void;

export function send(cp: i32, to: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  hostSend(cp, to, changetype<usize>(bytes), bytes.byteLength);
}
export function resolve(name: string): i32 {
  const bytes = String.UTF8.encode(name);
  return hostResolve(changetype<usize>(bytes), bytes.byteLength);
}
export function log(level: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(bytes), bytes.byteLength);
}
export function random(length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  hostRandom(bytes.dataStart, length);
  return bytes;
}
export function config(): string {
  const length = hostConfig(0, 0);
  const bytes = new ArrayBuffer(length);
  hostConfig(changetype<usize>(bytes), length);
  return String.UTF8.decode(bytes);
}
export function diskRead(disk: i32, offset: f64, into: Uint8Array): i32 {
  return hostDiskRead(disk, offset, into.dataStart, into.length);
}
export function diskWrite(disk: i32, offset: f64, from: Uint8Array): i32 {
  return hostDiskWrite(disk, offset, from.dataStart, from.length);
}
export function text(pointer: usize, length: i32): string {
  return String.UTF8.decodeUnsafe(pointer, length);
}
