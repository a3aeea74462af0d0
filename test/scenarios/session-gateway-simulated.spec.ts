import { expect, test } from '@playwright/test';
import { countRight, type ProbeResult, probe, simulatedGateway, statusOf } from './gateway-harness.js';
import type { Simulation } from './reactor-simulator.js';

/** The session gateway's own modules on simulated time: minutes of service in milliseconds, the same in every run. */

const shareWrong = ({ sent, wrong }: ProbeResult): number => wrong / sent;

test('keeps a session: creates, reads, counts, replaces and deletes it', async () => {
  const service = await simulatedGateway(1, 0);
  const ask = (method: string, path: string, body?: string) => {
    const { status, body: text } = service.ask('lb', method, path, body);
    return [status, text];
  };
  expect(ask('GET', '/sessions/ann')).toEqual([404, '']);
  expect(ask('PUT', '/sessions/ann', 'cart: 1 lamp')).toEqual([201, '']);
  expect(ask('GET', '/sessions/ann')).toEqual([200, 'cart: 1 lamp']);
  expect(ask('POST', '/sessions/ann/hits')).toEqual([200, '1']);
  expect(ask('POST', '/sessions/ann/hits')).toEqual([200, '2']);
  expect(ask('PUT', '/sessions/ann', '')).toEqual([201, '']);
  expect(ask('GET', '/sessions/ann?fresh=1')).toEqual([200, '']);
  expect(ask('POST', '/sessions/ann/hits')).toEqual([200, '3']);
  expect(ask('DELETE', '/sessions/ann')).toEqual([204, '']);
  expect(ask('DELETE', '/sessions/ann')).toEqual([404, '']);
  expect(ask('POST', '/sessions/ann/hits')).toEqual([404, '']);
});

test('refuses what it cannot keep, and says why in the status', async () => {
  const service = await simulatedGateway(1, 0);
  const status = (method: string, path: string, body?: string) => service.ask('lb', method, path, body).status;
  expect(status('PUT', `/sessions/${'x'.repeat(41)}`)).toBe(400);
  expect(status('PUT', '/sessions/')).toBe(400);
  expect(status('PUT', '/sessions/ann', 's'.repeat(129))).toBe(413);
  expect(status('PUT', '/sessions/ann', 's'.repeat(5000))).toBe(413);
  expect(status('PATCH', '/sessions/ann')).toBe(405);
  expect(status('GET', '/sessions/ann/hits')).toBe(405);
  expect(status('GET', '/sessions/ann/other')).toBe(404);
  expect(status('GET', '/other')).toBe(404);
});

test('refuses new sessions when it is full, and still serves those that it has', async () => {
  const service = await simulatedGateway(1, 5440);
  expect(service.ask('lb', 'PUT', '/sessions/one-more', 's').status).toBe(507);
  expect(service.ask('lb', 'PUT', '/sessions/user-5440', 's').status).toBe(201);
  expect(service.ask('lb', 'DELETE', '/sessions/user-1').status).toBe(204);
  expect(service.ask('lb', 'PUT', '/sessions/one-more', 's').status).toBe(201);
  expect(countRight(service, 5439)).toBe(5438);
});

test('holds requests that come before the stores have agreed', async () => {
  const service = await simulatedGateway(1, 0);
  service.vnfc('lb').crash();
  service.run(320);
  expect(service.ask('lb', 'PUT', '/sessions/ann', 's')).toMatchObject({ status: 201 });
});

test('its status shows every VNFC', async () => {
  const { workers, stores } = statusOf(await simulatedGateway(1));
  expect(workers).toMatchObject({ 'worker-1': { up: true, primary: 'store-1' }, 'worker-2': { up: true } });
  expect(stores).toMatchObject({
    'store-1': { role: 'primary', epoch: 1, sessions: 5000, replicated: true },
    'store-2': { role: 'standby', epoch: 1, sessions: 5000, ready: true },
  });
});

test('holds 5,000 sessions in less than 3 MiB a store', async () => {
  const service = await simulatedGateway(1);
  expect(service.vnfc('store-1').memoryBytes).toBeLessThan(3 * 1024 * 1024);
  expect(service.vnfc('store-2').memoryBytes).toBeLessThan(3 * 1024 * 1024);
});

test('no answer is wrong as long as there is no fault', async () => {
  const { sessions, hits, health } = probe(await simulatedGateway(2), 20_000);
  expect([sessions.wrong, hits.wrong, health.wrong]).toEqual([0, 0, 0]);
});

/** Faults that it must survive: each with how it begins, how it ends, and how long wrong answers may go on. */
const survived: { what: string; begin: (s: Simulation) => void; end?: (s: Simulation) => void; outageMs: number }[] = [
  { what: 'a crash of the primary', begin: (s) => s.vnfc('store-1').crash(), outageMs: 700 },
  { what: 'a crash of the standby', begin: (s) => s.vnfc('store-2').crash(), outageMs: 300 },
  { what: 'a crash of a worker', begin: (s) => s.vnfc('worker-1').crash(), outageMs: 400 },
  { what: 'a crash of the load balancer', begin: (s) => s.vnfc('lb').crash(), outageMs: 700 },
  {
    what: 'a stall of the standby for 2 s',
    begin: (s) => s.vnfc('store-2').stall(),
    end: (s) => s.vnfc('store-2').resume(),
    outageMs: 300,
  },
  {
    what: 'a stall of a worker for 2 s',
    begin: (s) => s.vnfc('worker-1').stall(),
    end: (s) => s.vnfc('worker-1').resume(),
    outageMs: 600,
  },
  {
    what: 'a stall of the primary for 300 ms',
    begin: (s) => {
      s.vnfc('store-1').stall();
      s.after(300, () => s.vnfc('store-1').resume());
    },
    outageMs: 400,
  },
  {
    what: 'a delay of 20 ms on the link of the stores',
    begin: (s) => s.linkFaults.set('back', { delayMs: 20 }),
    end: (s) => s.linkFaults.clear(),
    outageMs: 0,
  },
  {
    what: 'messages that come twice',
    begin: (s) => s.linkFaults.set('back', { duplicationRatio: 0.5 }).set('front', { duplicationRatio: 0.5 }),
    end: (s) => s.linkFaults.clear(),
    outageMs: 0,
  },
];

for (const { what, begin, end, outageMs } of survived) {
  for (const seed of [1, 2, 3]) {
    test(`survives ${what} without losing a session, seed ${seed}`, async () => {
      const service = await simulatedGateway(seed);
      begin(service);
      if (end !== undefined) service.after(2000, () => end(service));
      const during = probe(service, 3000);
      expect(during.sessions.lastWrongMs ?? 0).toBeLessThanOrEqual(outageMs);
      expect(during.hits.lastWrongMs ?? 0).toBeLessThanOrEqual(outageMs);
      const after = probe(service, 5000);
      expect([after.sessions.wrong, after.hits.wrong, after.health.wrong]).toEqual([0, 0, 0]);
      expect(countRight(service)).toBe(5000);
      const { stores } = statusOf(service);
      expect(Object.values(stores).map((s) => s.role)).toEqual(expect.arrayContaining(['primary', 'standby']));
    });
  }
}

test('a hit that a link delivers twice is counted once', async () => {
  const service = await simulatedGateway(1, 1);
  service.linkFaults.set('back', { duplicationRatio: 1 }).set('front', { duplicationRatio: 1 });
  for (let n = 1; n <= 50; n++) expect(service.ask('lb', 'POST', '/sessions/user-1/hits').body).toBe(String(n));
});

test('loss and corruption on a link cost answers, not sessions', async () => {
  const service = await simulatedGateway(4);
  service.linkFaults.set('back', { lossRatio: 0.02, corruptionRatio: 0.02 });
  probe(service, 10_000);
  service.linkFaults.clear();
  service.run(3000);
  expect(probe(service, 5000)).toMatchObject({ sessions: { wrong: 0 }, hits: { wrong: 0 } });
  expect(countRight(service)).toBe(5000);
});

test('what was answered before a crash of the primary is there after it', async () => {
  const service = await simulatedGateway(5, 100);
  const stored: string[] = [];
  for (let n = 1; n <= 200; n++) {
    service.send('lb', 'PUT', `/sessions/new-${n}`, `state-new-${n}`, ({ status }) => {
      if (status === 201) stored.push(`new-${n}`);
    });
    service.run(2);
    if (n === 100) service.vnfc('store-1').crash();
  }
  service.run(3000);
  expect(stored.length).toBeGreaterThan(90);
  for (const id of stored) expect(service.ask('lb', 'GET', `/sessions/${id}`).body, id).toBe(`state-${id}`);
});

test('sessions come back from the disks when both stores crash', async () => {
  const service = await simulatedGateway(6);
  service.vnfc('store-2').crash();
  service.run(10);
  service.vnfc('store-1').crash();
  service.run(3000);
  expect(countRight(service)).toBe(5000);
  expect(statusOf(service).stores).toMatchObject({ 'store-1': { sessions: 5000 }, 'store-2': { sessions: 5000 } });
});

test('a store whose disk is damaged leaves out what is damaged, and gets it from the primary', async () => {
  const service = await simulatedGateway(7);
  const [disk] = service.vnfc('store-2').disks;
  for (let at = 4096; at < 8192; at += 8) disk![at]! ^= 0xff;
  service.vnfc('store-2').crash();
  service.run(3000);
  expect(service.vnfc('store-2').log.join('\n')).toContain('damaged slots left out');
  expect(statusOf(service).stores).toMatchObject({ 'store-2': { sessions: 5000, role: 'standby', ready: true } });
  service.vnfc('store-1').crash();
  service.run(3000);
  expect(countRight(service)).toBe(5000);
});

for (const thawOrder of ['messages', 'timers'] as const) {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`does not survive a stall of the primary for 2 s: ${thawOrder} first, seed ${seed}`, async () => {
      const service = await simulatedGateway(seed);
      const primary = service.vnfc('store-1');
      primary.thawOrder = thawOrder;
      service.run(seed * 7);
      primary.stall();
      service.after(2000, () => primary.resume());
      service.run(5000);
      for (const next of [probe(service, 5000), probe(service, 10_000)]) {
        expect(shareWrong(next.sessions)).toBeGreaterThan(0.5);
        expect(shareWrong(next.hits)).toBeGreaterThan(0.5);
        expect(next.health.wrong, 'an ordinary health check sees nothing').toBe(0);
      }
      const { stores } = statusOf(service);
      expect(stores).toMatchObject({
        'store-1': { role: 'primary', epoch: 1 },
        'store-2': { role: 'primary', epoch: 2 },
      });
      expect(countRight(service)).toBeLessThan(2500);
    });
  }
}
