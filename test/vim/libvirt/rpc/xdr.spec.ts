import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { procedures } from '../../../../harness/vim/libvirt/rpc/procedures.js';
import { type TypedParameter, typedParameters } from '../../../../harness/vim/libvirt/rpc/types.js';
import * as xdr from '../../../../harness/vim/libvirt/rpc/xdr.js';

const returnsUnchanged = <T>(type: xdr.Xdr<T>, values: fc.Arbitrary<T>) =>
  fc.assert(
    fc.property(values, (value) => {
      const bytes = xdr.encode(type, value);
      expect(bytes.length % 4).toBe(0);
      expect<unknown>(xdr.decode(type, Buffer.from(bytes))).toEqual(value);
    }),
    { numRuns: 60 },
  );

test('every number comes back from its encoding', () => {
  returnsUnchanged(xdr.int32, fc.integer());
  returnsUnchanged(xdr.uint32, fc.integer({ min: 0, max: 0xffff_ffff }));
  returnsUnchanged(xdr.hyper, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
  returnsUnchanged(xdr.uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  returnsUnchanged(xdr.double, fc.double({ noNaN: true }));
});

test('text, opaque data, pointers and arrays come back from their encoding, padded to words', () => {
  returnsUnchanged(xdr.string(10_000), fc.string({ unit: 'binary' }));
  returnsUnchanged(
    xdr.opaque(1000),
    fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes)),
  );
  returnsUnchanged(xdr.optional(xdr.string(100)), fc.option(fc.string({ maxLength: 20 }), { nil: null }));
  returnsUnchanged(xdr.array(xdr.int32, 50), fc.array(fc.integer(), { maxLength: 50 }));
});

test('typed parameters of each type come back from their encoding', () => {
  const value: fc.Arbitrary<TypedParameter> = fc.oneof(
    fc.record({ field: fc.string(), type: fc.constant('int' as const), value: fc.integer() }),
    fc.record({ field: fc.string(), type: fc.constant('uint' as const), value: fc.nat() }),
    fc.record({ field: fc.string(), type: fc.constant('llong' as const), value: fc.bigInt({ min: -9n, max: 9n }) }),
    fc.record({ field: fc.string(), type: fc.constant('ullong' as const), value: fc.bigInt({ min: 0n, max: 9n }) }),
    fc.record({ field: fc.string(), type: fc.constant('double' as const), value: fc.double({ noNaN: true }) }),
    fc.record({ field: fc.string(), type: fc.constant('boolean' as const), value: fc.boolean() }),
    fc.record({ field: fc.string(), type: fc.constant('string' as const), value: fc.string() }),
  );
  returnsUnchanged(typedParameters(16), fc.array(value, { maxLength: 16 }));
});

test('a domain is encoded as the protocol file lays it out', () => {
  const uuid = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const bytes = xdr.encode(procedures.domainSuspend.args, { dom: { name: 'store', uuid, id: -1 } });
  expect(bytes.toString('hex')).toBe(`00000005${'73746f7265'}000000${uuid.toString('hex')}ffffffff`);
});

test('data that is cut short, too long or has bytes left over is refused by name', () => {
  expect(() => xdr.decode(xdr.hyper, Buffer.alloc(7))).toThrow(xdr.XdrError);
  expect(() => xdr.decode(xdr.string(4), Buffer.from('0000000568656c6c6f000000', 'hex'))).toThrow('longer than 4');
  expect(() => xdr.decode(xdr.int32, Buffer.alloc(8))).toThrow('4 bytes are left');
  expect(() => xdr.decode(xdr.optional(xdr.int32), Buffer.from('0000000200000000', 'hex'))).toThrow('0 or 1');
  expect(() => xdr.encode(xdr.array(xdr.int32, 1), [1, 2])).toThrow('longer than 1');
  expect(() => xdr.decode(xdr.array(xdr.int32, 1), Buffer.from('7fffffff', 'hex'))).toThrow('longer than 1');
});

test('no cut of an encoding decodes, so that a broken message is never taken for a whole one', () => {
  const type = procedures.domainSnapshotCreateXml.args;
  const uuid = Buffer.alloc(16, 7);
  const whole = xdr.encode(type, { dom: { name: 'a', uuid, id: 3 }, xml: '<x/>', flags: 1 });
  for (let length = 0; length < whole.length; length++) {
    expect(() => xdr.decode(type, whole.subarray(0, length))).toThrow(xdr.XdrError);
  }
});
