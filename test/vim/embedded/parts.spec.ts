import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { monotonicMs } from '../../../harness/vim/embedded/host/control.js';
import { Rooms } from '../../../harness/vim/embedded/host/rooms.js';
import { decodeState, encodeState } from '../../../harness/vim/embedded/host/state-image.js';
import { Timers } from '../../../harness/vim/embedded/host/timers.js';
import { newDisk, VirtualDisk } from '../../../harness/vim/embedded/host/virtual-disk.js';
import { DelayQueue } from '../../../harness/vim/link/delay-queue.js';
import { MinHeap } from '../../../harness/vim/link/min-heap.js';

test('a heap gives back what was put in, the least first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new MinHeap<number>((a, b) => a - b);
      for (const n of numbers) heap.push(n);
      const sorted = numbers.map(() => heap.pop());
      expect(sorted).toEqual([...numbers].sort((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});

test('timers run in the order in which they are due, once, and as they were set last', () => {
  const timers = new Timers();
  timers.set(1, 30);
  timers.set(2, 10);
  timers.set(3, 20);
  timers.set(2, 40);
  timers.set(4, 20);
  timers.cancel(3);
  expect(timers.pending(15)).toEqual([
    { id: 4, leftMs: 5 },
    { id: 1, leftMs: 15 },
    { id: 2, leftMs: 25 },
  ]);
  expect(timers.takeDue(19)).toBeUndefined();
  expect([timers.takeDue(100), timers.takeDue(100), timers.takeDue(100), timers.takeDue(100)]).toEqual([
    4,
    1,
    2,
    undefined,
  ]);
});

test('a delay queue is never early, and keeps the order of what is due together', async () => {
  const queue = new DelayQueue();
  const ran: { n: number; lateMs: number }[] = [];
  const now = monotonicMs();
  for (const [n, due] of [
    [0, now + 20],
    [1, now + 5],
    [2, now + 20],
    [3, now + 12.5],
  ] as const) {
    queue.at(due, () => ran.push({ n, lateMs: monotonicMs() - due }));
  }
  await expect.poll(() => ran.length).toBe(4);
  expect(ran.map((r) => r.n)).toEqual([1, 3, 0, 2]);
  for (const { lateMs } of ran) expect(lateMs).toBeGreaterThanOrEqual(0);
});

test('a disk is what a plain array of bytes would be, also after it was copied', () => {
  const size = 20_000;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(size + 10), fc.uint8Array({ maxLength: 6000 }))), (writes) => {
      const plain = new Uint8Array(size);
      const disk = new VirtualDisk(newDisk('d', size));
      for (const [offset, bytes] of writes) {
        const fits = offset + bytes.length <= size;
        expect(disk.write(offset, bytes)).toBe(fits ? bytes.length : -22);
        if (fits) plain.set(bytes, offset);
      }
      const copy = newDisk('copy', size);
      disk.copyInto(new Uint8Array(copy.data));
      const restored = new VirtualDisk(copy);
      restored.recount();
      expect(restored.allocatedBlocks).toBeLessThanOrEqual(disk.allocatedBlocks);
      const got = new Uint8Array(size);
      expect(restored.read(0, got)).toBe(size);
      expect(Buffer.compare(got, plain)).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('the state of a reactor survives its image, to the last bit', () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(-0, Number.POSITIVE_INFINITY, Number.NaN)).map((n) => ({
    type: 'number' as const,
    value: Object.is(n, -0) ? '-0' : String(n),
  }));
  const bigint = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((n) => ({ type: 'bigint' as const, value: String(n) }));
  const state = fc.record({
    globals: fc.array(fc.oneof(number, bigint)),
    timers: fc.array(
      fc.record({ id: fc.integer(), leftMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }) }),
    ),
    inbox: fc.array(fc.tuple(fc.nat(9), fc.nat(), fc.uint8Array())),
    monotonicMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    startPending: fc.boolean(),
  });
  fc.assert(
    fc.property(state, (reactor) => {
      const image = { moduleSha256: 'x', handleWatermark: 7, eventBoundary: true, reactor };
      expect(decodeState(Buffer.from(encodeState(image)).toString(), 'state.json')).toEqual(image);
    }),
  );
  expect(() => decodeState('{"format":"something else"}', 'state.json')).toThrow('state.json: The state in a snapshot');
});

test('room is used again by what fits, and not by what would waste it', () => {
  const rooms = new Rooms(() => undefined);
  const [small, large] = [new SharedArrayBuffer(100), new SharedArrayBuffer(300)];
  rooms.giveBack(large);
  rooms.giveBack(small);
  expect(rooms.take(101)).toBeUndefined();
  expect(rooms.take(80)).toBe(small);
  expect(rooms.take(80)).toBeUndefined();
  expect(rooms.take(200)).toBe(large);
  rooms.close();
});
