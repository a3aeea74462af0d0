import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { checkFault } from '../../harness/fault/catalogue.js';
import { type AskedLoadInput, askedLoad } from '../../harness/model/load.js';
import { type NetworkService, probe } from '../../harness/model/network-service.js';
import { checkLoad, checkLoadFault, describeLoad, Loads } from '../../harness/online-test/loads.js';
import { readService } from '../../harness/online-test/session.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { injection } from './undo-fakes.js';

const constant = { kind: 'constant', rateHz: 100 } as const;
let service: NetworkService;
test.beforeAll(async () => {
  const file = join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml');
  service = (await readService(file)).descriptor;
});

const refusal = (load: AskedLoadInput, probes = service.probes) => {
  try {
    checkLoad({ ...service, probes }, askedLoad.parse(load), 'scenario "x"');
    return '';
  } catch (e) {
    return (e as Error).message;
  }
};

test('a load names a probe whose requests can be sent, and a generator that can send them', () => {
  expect(refusal({ probe: 'sessions', timetable: constant })).toBe('');
  expect(refusal({ probe: 'nobody', timetable: constant })).toMatch(
    /names the probe "nobody": expected one of sessions/,
  );
  const command = probe.parse({ kind: 'command', id: 'c', command: ['true'] });
  expect(refusal({ probe: 'c', timetable: constant }, [command])).toMatch(/A probe of kind command is no load/);
  const udp = probe.parse({ kind: 'udp', id: 'u', payload: 'x', address: 'udp://127.0.0.1:1' });
  expect(refusal({ probe: 'u', timetable: constant, by: 'k6' }, [udp])).toMatch(
    /k6 sends HTTP: got a probe of kind udp/,
  );
  expect(refusal({ probe: 'sessions', timetable: constant, by: 'hey' })).toMatch(/hey cannot send this load/);
});

test('a load as a fault strikes the VNFC where its requests go in', () => {
  const fault = (vnfc: string, more: object = {}) =>
    checkFault({ kind: 'load', target: { vnfc }, params: { probe: 'sessions', timetable: constant, ...more } }, 'x');
  const check =
    (...a: Parameters<typeof fault>) =>
    () =>
      checkLoadFault(service, fault(...a), 'x');
  check('lb')();
  expect(check('store-1')).toThrow(/do not go to store-1: expected a load on lb, got a load on store-1/);
  expect(check('lb', { by: 'k6' })).toThrow(/needs an end of its own: expected durationMs/);
  expect(() => fault('lb', { timetable: { kind: 'constant', rateHz: -1 } })).toThrow(/rateHz/);
});

test('a load is told as a person would say it', () => {
  const told = (timetable: AskedLoadInput['timetable'], more: object = {}) =>
    describeLoad(askedLoad.parse({ probe: 'p', timetable, ...more }));
  expect(told(constant)).toBe('100 requests a second like the probe "p"');
  expect(told({ kind: 'ramp', fromHz: 1, toHz: 9, overMs: 2000 }, { by: 'k6' })).toBe(
    '1 to 9 requests a second within 2 s like the probe "p", by k6',
  );
  expect(told({ kind: 'burst', size: 5, everyMs: 500 })).toMatch(/^5 requests every 500 ms/);
  expect(told({ kind: 'trace', dueMs: [0, 5], speed: 2 })).toMatch(/^the 2 requests of a trace, 2 times as fast/);
});

test('the dose of a load is what was sent of what was due, whether or not it was answered', async () => {
  const sent: string[] = [];
  const probes = [probe.parse({ kind: 'http', id: 'p', url: 'http://127.0.0.1:1/', timeoutMs: 1000 })];
  await using loads = new Loads(
    probes,
    () => '',
    performance.now(),
    (text) => sent.push(text),
  );
  const load = {
    ...injection,
    id: 'l1',
    kind: 'load',
    params: { probe: 'p', timetable: constant },
    expiresAfterMs: 60_000,
  };
  await loads.inject(load);
  await loads.inject(load);
  expect((await loads.active()).map((i) => i.id)).toEqual(['l1']);
  const reading = await loads.verify(load);
  const { entry, params } = checkFault({ kind: 'load', target: { vnfc: 'lb' }, params: load.params }, 'x');
  expect(reading).toMatchObject({ effective: true, measured: { dueHz: 100 } });
  expect(Number(reading.measured.sentHz)).toBeLessThanOrEqual(100);
  expect(entry.judgeDose(params, reading)).toBe('confirmed');
  expect(entry.judgeDose(params, { ...reading, measured: { sentHz: 50, dueHz: 100 } })).toBe('wrong-dose');
  await loads.heal(load);
  await loads.heal(load);
  expect(await loads.active()).toEqual([]);
  expect(loads.records).toMatchObject([{ what: '100 requests a second like the probe "p"', good: 0 }]);
  expect(sent.join()).toMatch(/load of 100 requests a second .*: 0 of \d+ answered well/);
});
