import { expect, test } from '@playwright/test';
import { textOfLog } from '../../../harness/vim/docker-api/log-stream.js';
import { tableName } from '../../../harness/vim/oci/barrier.js';
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
