/**
 * What a VNFC may import: the reactor interface, version 1. The compiler takes the module's name from the name of this
 * file, and the names of the imports from the functions.
 */

export declare function send(cp: i32, to: i32, pointer: usize, length: i32): void;
export declare function resolve(pointer: usize, length: i32): i32;
export declare function timer_set(id: i32, delayMs: f64): void;
export declare function timer_cancel(id: i32): void;
export declare function monotonic(): f64;
export declare function random(pointer: usize, length: i32): void;
export declare function log(level: i32, pointer: usize, length: i32): void;
export declare function config(pointer: usize, capacity: i32): i32;
export declare function disk_size(disk: i32): f64;
export declare function disk_read(disk: i32, offset: f64, pointer: usize, length: i32): i32;
export declare function disk_write(disk: i32, offset: f64, pointer: usize, length: i32): i32;
export declare function disk_flush(disk: i32): i32;
