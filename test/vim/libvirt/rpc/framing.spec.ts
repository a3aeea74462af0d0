import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { Deframer, frame, type Message } from '../../../../harness/vim/libvirt/rpc/framing.js';
import { XdrError } from '../../../../harness/vim/libvirt/rpc/xdr.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const message: fc.Arbitrary<Message> = fc.record({
  header: fc.record({
    program: word,
    version: word,
    procedure: word,
    type: fc.integer({ min: 0, max: 3 }),
    serial: word,
    status: fc.integer({ min: 0, max: 2 }),
  }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('messages are found again however the stream is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 90 })), (messages, cuts) => {
      const stream = Buffer.concat(messages.map((m) => frame(m.header, m.payload)));
      const deframer = new Deframer();
      const found: Message[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        found.push(...deframer.push(stream.subarray(at, at + cut)));
        at += cut;
      }
      expect(found).toEqual(messages);
    }),
    { numRuns: 100 },
  );
});

test('a length that cannot be true is refused before its bytes are awaited', () => {
  const tooShort = Buffer.from('0000001b', 'hex');
  const tooLong = Buffer.from('7fffffff', 'hex');
  expect(() => new Deframer().push(tooShort)).toThrow(XdrError);
  expect(() => new Deframer().push(tooLong)).toThrow('cannot have 2147483647 bytes');
});
