import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { checkFault, type FaultRequest } from '../../harness/fault/catalogue.js';
import type { NetworkService } from '../../harness/model/network-service.js';
import { checkBlastRadius, struckBy } from '../../harness/online-test/blast-radius.js';
import { readService } from '../../harness/online-test/session.js';
import { packageRoot } from '../../harness/util/package-root.js';

let service: NetworkService;
test.beforeAll(async () => {
  service = (await readService(join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml'))).descriptor;
});

const on = (kind: string, target: FaultRequest['target'], params?: Record<string, unknown>) =>
  checkFault({ kind, target, ...(params === undefined ? {} : { params }) }, 'test');
const crash = (...vnfcs: string[]) => vnfcs.map((vnfc) => on('crash', { vnfc }));
const check = (
  faults: ReturnType<typeof crash>,
  limits: Partial<NetworkService['blastRadius']> = {},
  allowed = false,
) => checkBlastRadius({ ...service, blastRadius: { ...service.blastRadius, ...limits } }, faults, allowed, 'test');

test('one VNFC of each redundancy group may be struck, two of one may not', () => {
  check(crash('worker-1'));
  check(crash('worker-1', 'store-2'));
  expect(() => check(crash('store-1', 'store-2'))).toThrow(
    /2 of 2 VNFCs of "session-store" would be struck: expected|at most 1/,
  );
  const half = { shareOfVnf: 1 };
  expect(() => check(crash('worker-1', 'worker-2'), half)).toThrow(
    /2 VNFCs of the redundancy group "workers" would be struck: expected at most 1/,
  );
});

test('striking one VNFC again and again is striking one', () => {
  check([...crash('worker-1', 'worker-1'), on('stall', { vnfc: 'worker-1' })]);
});

test('at most half of a VNF may be struck, but always one', () => {
  check(crash('lb'));
  expect(() => check(crash('lb', 'worker-1'))).toThrow(/2 of 3 VNFCs of "gateway" would be struck/);
  check(crash('lb', 'worker-1'), { shareOfVnf: 0.7 });
});

test('every kind of fault on a VNFC counts, however mild', () => {
  for (const kind of ['shutdown', 'crash', 'stall', 'disk-full']) {
    expect(struckBy(on(kind, { vnfc: 'store-1' }), service)).toEqual(['store-1']);
  }
  expect(struckBy(on('clock-skew', { vnfc: 'store-1' }, { offsetMs: 5 }), service)).toEqual(['store-1']);
});

test('a link that is cut strikes every VNFC on it, one that is slow strikes none', () => {
  expect(struckBy(on('link-cut', { link: 'back' }), service)).toEqual(['worker-1', 'worker-2', 'store-1', 'store-2']);
  expect(struckBy(on('loss', { link: 'front' }, { ratio: 1 }), service)).toEqual(['lb', 'worker-1', 'worker-2']);
  expect(struckBy(on('loss', { link: 'front' }, { ratio: 0.5 }), service)).toEqual([]);
  expect(struckBy(on('corruption', { link: 'front' }, { ratio: 1 }), service)).toEqual(['lb', 'worker-1', 'worker-2']);
  expect(struckBy(on('corruption', { link: 'front' }, { ratio: 0.5 }), service)).toEqual([]);
  expect(struckBy(on('duplication', { link: 'front' }, { ratio: 1 }), service)).toEqual([]);
  expect(struckBy(on('delay', { link: 'back' }, { delayMs: 80 }), service)).toEqual([]);
  expect(() => check([on('link-cut', { link: 'back' })])).toThrow(/would be struck/);
  check([on('delay', { link: 'back' }, { delayMs: 80 })]);
});

test('a way that is cut strikes the end whose messages are lost', () => {
  const way = { link: 'back', from: 'worker-1', to: 'store-1' };
  expect(struckBy(on('partition', way), service)).toEqual(['worker-1']);
  expect(struckBy(on('link-cut', way), service)).toEqual(['worker-1']);
  check([on('partition', way)]);
  expect(() => check([on('partition', way), ...crash('worker-2')])).toThrow(/would be struck/);
});

test('limits of the descriptor are raised for one service, but everything still needs the explicit word', () => {
  const most = { shareOfVnf: 1, vnfcsPerRedundancyGroup: 5 };
  check(crash('worker-1', 'worker-2', 'store-1', 'store-2'), most);
  const everything = crash('lb', 'worker-1', 'worker-2', 'store-1', 'store-2');
  expect(() => check(everything, most)).toThrow(
    /All 5 VNFCs of the service would be struck: expected one that is left/,
  );
  check(everything, most, true);
});

test('the one VNFC of a service may be struck', () => {
  const [vnf] = service.vnfs;
  const vnfs = [{ ...vnf!, vnfcs: vnf!.vnfcs.filter((c) => c.id === 'lb') }];
  checkBlastRadius({ ...service, vnfs }, crash('lb'), false, 'test');
});

test('what is refused says how it may be allowed', () => {
  const everything = crash('lb', 'worker-1', 'worker-2', 'store-1', 'store-2');
  expect(() => check(everything, { shareOfVnf: 1, vnfcsPerRedundancyGroup: 5 })).toThrow(
    /Strike fewer VNFCs, or say "that the test may go beyond the blast radius"/,
  );
  expect(() => check(crash('store-1', 'store-2'))).toThrow(
    /Strike fewer VNFCs, raise blastRadius in the descriptor, or say/,
  );
});
