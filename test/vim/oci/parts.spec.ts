import { expect, test } from '@playwright/test';
import { textOfLog } from '../../../harness/vim/docker-api/log-stream.js';
import { tableName } from '../../../harness/vim/oci/barrier.js';
import { completeChecksum } from '../../../harness/vim/oci/checksum.js';
import { addressIn, isUnmoved } from '../../../harness/vim/oci/connections.js';

const then = { local: '10.78.0.11:8080', peer: '10.78.0.1:4711', sentBytes: 120, receivedBytes: 80 };

test('a connection through which nothing has passed can go on', () => {
  expect(isUnmoved(then, [{ ...then }], 'made')).toBe(true);
  expect(isUnmoved(then, [{ ...then, sentBytes: 0, receivedBytes: 0 }], 'restored')).toBe(true);
});

test('a connection that has moved on, or is another one, cannot', () => {
  expect(isUnmoved(then, [{ ...then, sentBytes: 121 }], 'made')).toBe(false);
  expect(isUnmoved(then, [{ ...then, receivedBytes: 1, sentBytes: 0 }], 'restored')).toBe(false);
  expect(isUnmoved(then, [{ ...then, peer: '10.78.0.1:4712' }], 'made')).toBe(false);
  expect(isUnmoved(then, [], 'made')).toBe(false);
});

test('an address is read from an endpoint, also where IPv4 is written as IPv6', () => {
  expect(addressIn('10.78.0.11:8080')).toBe('10.78.0.11');
  expect(addressIn('[::ffff:10.78.0.11]:8080')).toBe('10.78.0.11');
  expect(addressIn('[fd00::11]:8080')).toBe('fd00::11');
});

test('a table of nft is named after what it is for, in the letters that nft takes', () => {
  expect(tableName('fault', 'fault-20261122T230301-4f2a9c')).toBe('ordeal_fault_fault_20261122T230301_4f2a9c');
});

test('the text of a log is what lies between the headers of its frames, and a frame that is cut off does no harm', () => {
  const frame = (text: string, length = text.length) => {
    const head = Buffer.alloc(8);
    head.writeUInt8(1, 0);
    head.writeUInt32BE(length, 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  expect(textOfLog(Buffer.concat([frame('one\n'), frame('two\n')])).toString()).toBe('one\ntwo\n');
  expect(textOfLog(Buffer.concat([frame('one\n'), frame('tw', 400)])).toString()).toBe('one\ntw');
  expect(textOfLog(Buffer.alloc(0)).toString()).toBe('');
});

/** Ethernet, IPv4, UDP; the checksum as the kernel leaves it to a card: the sum of the pseudo header. */
function datagram(text: string, isTagged = false): { frame: Buffer; ip: number } {
  const ip = isTagged ? 18 : 14;
  const length = 8 + text.length;
  const frame = Buffer.alloc(ip + 20 + length);
  frame.writeUInt16BE(isTagged ? 0x8100 : 0x0800, 12);
  if (isTagged) frame.writeUInt16BE(0x0800, 16);
  frame.writeUInt8(0x45, ip);
  frame.writeUInt16BE(20 + length, ip + 2);
  frame.writeUInt8(17, ip + 9);
  frame.set([10, 78, 0, 11, 10, 78, 0, 12], ip + 12);
  frame.writeUInt16BE(length, ip + 24);
  frame.write(text, ip + 28);
  frame.writeUInt16BE(pseudoSum(frame, ip), ip + 26);
  return { frame, ip };
}

function sum16(bytes: Buffer, more = 0): number {
  let sum = more;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

const pseudoSum = (frame: Buffer, ip: number): number =>
  sum16(frame.subarray(ip + 12, ip + 20), 17 + frame.readUInt16BE(ip + 24));

for (const [what, text, isTagged] of [
  ['an even', 'even', false],
  ['an odd', 'odd', false],
  ['a tagged', 'tagged', true],
] as const) {
  test(`the checksum that a card would complete is completed in ${what} frame, as its receiver wants it`, () => {
    const { frame, ip } = datagram(text, isTagged);
    completeChecksum(frame);
    // Source: RFC 768 and RFC 1071: the sum over all of it, checksum included, has every bit set.
    expect(sum16(frame.subarray(ip + 20), pseudoSum(frame, ip))).toBe(0xffff);
  });
}

test('a frame whose checksum is complete, or that is cut off, or a fragment, is left as it is', () => {
  const { frame, ip } = datagram('text');
  completeChecksum(frame);
  const fragment = Buffer.from(datagram('text').frame);
  fragment.writeUInt16BE(0x2000, ip + 6);
  for (const given of [frame, fragment, datagram('text').frame.subarray(0, 30), Buffer.alloc(3)]) {
    const before = Buffer.from(given);
    completeChecksum(given);
    expect(given).toEqual(before);
  }
});
