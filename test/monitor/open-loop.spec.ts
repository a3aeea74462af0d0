import { Worker } from 'node:worker_threads';
import { expect, test } from '@playwright/test';
import { runClock } from '../../harness/monitor/clock.js';
import { noKeys } from '../../harness/monitor/keys.js';
import { OpenLoop, type Stream } from '../../harness/monitor/open-loop.js';
import type { Prober } from '../../harness/monitor/probes/prober.js';
import { openProbe } from '../../harness/monitor/probes/registry.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { httpProbe } from './test-server.js';

interface Seen {
  readonly n: number;
  readonly intendedMs: number;
  readonly sentMs: number;
  readonly doneMs: number;
  readonly outcome: string;
}

const now = runClock(process.hrtime.bigint());
const silent: Prober = { send: () => () => {}, moveTo() {}, async close() {} };

function loopOver(stream: Partial<Stream> & { prober: Prober }, onExhausted?: () => void): [OpenLoop, Seen[]] {
  const seen: Seen[] = [];
  const loop = new OpenLoop(
    [
      {
        keys: noKeys,
        timetable: { kind: 'constant', rateHz: 100 },
        startMs: now(),
        count: Number.POSITIVE_INFINITY,
        timeoutMs: 200,
        maxInFlight: 1000,
        ...stream,
      },
    ],
    now,
    (_, n, intendedMs, sentMs, doneMs, __, outcome) => seen.push({ n, intendedMs, sentMs, doneMs, outcome }),
    onExhausted,
  );
  loop.start();
  return [loop, seen];
}

const stallMs = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a probe thread that is held up makes up for every sample, and takes no waiting answer for a timeout', async () => {
  const serving = `const { parentPort } = require('node:worker_threads');
    const server = require('node:http').createServer((_, r) => r.end()).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;
  const worker = new Worker(serving, { eval: true });
  const port = await new Promise((resolve) => worker.once('message', resolve));
  const prober = openProbe(httpProbe('web'), `http://127.0.0.1:${port}`);
  const [loop, seen] = loopOver({ prober, timeoutMs: 1000, count: 200 });
  try {
    await sleep(150);
    stallMs(1500);
    await until('every answer', () => seen.length === 200, { withinMs: 10_000 });
  } finally {
    loop.stop();
    await prober.close();
    await worker.terminate();
  }
  expect(new Set(seen.map((s) => s.outcome))).toEqual(new Set(['200']));
  expect(Math.max(...seen.map((s) => s.sentMs - s.intendedMs))).toBeGreaterThan(1400);
  expect(new Set(seen.map((s) => s.n)).size).toBe(200);
});

test('what is beyond the limit of requests under way is recorded as overload, not dropped', async () => {
  const [loop, seen] = loopOver({ prober: silent, maxInFlight: 5, count: 12 });
  await until('every sample', () => seen.length === 12, { withinMs: 10_000 });
  loop.stop();
  expect(seen.filter((s) => s.outcome === 'overload').length).toBe(7);
  expect(seen.filter((s) => s.outcome === 'timeout').length).toBe(5);
});

test('a bounded stream tells its end when the last request is answered', async () => {
  const prober: Prober = {
    ...silent,
    send(_, done) {
      setTimeout(() => done(true, 'yes'), 5);
      return () => {};
    },
  };
  const startMs = now();
  let seen: Seen[] = [];
  await new Promise<void>((resolve) => {
    [, seen] = loopOver({ prober, count: 20, timeoutMs: 60_000, startMs }, resolve);
  });
  expect(seen.length).toBe(20);
  expect(now() - startMs).toBeGreaterThan(190);
});

test('a probe that throws gives a failed sample, and what is aborted gives none', async () => {
  const throwing: Prober = {
    ...silent,
    send() {
      throw Object.assign(new Error('no'), { code: 'EINVAL' });
    },
  };
  const [bad, seen] = loopOver({ prober: throwing, count: 3 });
  const [stopped, none] = loopOver({ prober: silent });
  await sleep(60);
  stopped.stop();
  await until('the failed samples', () => seen.length === 3, { withinMs: 10_000 });
  await sleep(250);
  bad.stop();
  expect(seen.map((s) => s.outcome)).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
  expect(none).toEqual([]);
});
