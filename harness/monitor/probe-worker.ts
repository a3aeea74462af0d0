import { parentPort, workerData } from 'node:worker_threads';
import { Batcher } from './batch.js';
import { runClock } from './clock.js';
import { keysOf } from './keys.js';
import { OpenLoop } from './open-loop.js';
import type { FromProbeThread, ProbeThreadData, ToProbeThread } from './probe-thread.js';
import { keyRangeOf, openProbe } from './probes/registry.js';
import { threadCpuMs } from './thread-cpu.js';

/** The probe thread: it does nothing but probe, so that what keeps the rest of Ordeal busy does not delay a sample. */

/** Samples wait this long for company before they cross to the main thread. */
const flushEveryMs = 20;
/** Reading the CPU time costs a little itself. */
const cpuEveryMs = 250;

const port = parentPort;
if (port === null) throw new Error('probe-worker.js is started by the monitor, as a worker thread');

const { originNs, plans } = workerData as ProbeThreadData;
const now = runClock(originNs);
const batcher = new Batcher();
const post = (message: FromProbeThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

let flushTimer: NodeJS.Timeout | undefined;
let cpuMs = threadCpuMs();
let cpuReadMs = now();

function flush(): void {
  clearTimeout(flushTimer);
  flushTimer = undefined;
  if (now() - cpuReadMs >= cpuEveryMs) {
    cpuMs = threadCpuMs();
    cpuReadMs = now();
  }
  const batch = batcher.flush(cpuMs);
  post({ type: 'batch', batch }, [batch.rows.buffer as ArrayBuffer]);
}

const probers = plans.map((plan) => openProbe(plan.spec, plan.base));
await Promise.all(probers.map((p) => p.ready?.()));
let loop: OpenLoop | undefined;

function start(startMs: number): void {
  const streams = plans.map((plan, i) => ({
    prober: probers[i] as (typeof probers)[number],
    keys: keysOf(keyRangeOf(plan.spec), plan.seed),
    timetable: plan.timetable,
    startMs: startMs + plan.offsetMs,
    count: plan.count,
    timeoutMs: plan.spec.timeoutMs,
    maxInFlight: plan.maxInFlight,
  }));
  loop = new OpenLoop(
    streams,
    now,
    (...sample) => {
      batcher.add(...sample);
      flushTimer ??= setTimeout(flush, flushEveryMs);
    },
    () => {
      flush();
      post({ type: 'exhausted' });
    },
  );
  loop.start();
}

async function stop(): Promise<void> {
  loop?.stop();
  cpuReadMs = Number.NEGATIVE_INFINITY; // the last batch tells the last figure
  flush();
  await Promise.allSettled(probers.map((p) => p.close()));
  post({ type: 'stopped' });
  port?.close();
}

port.on('message', (message: ToProbeThread) => {
  switch (message.type) {
    case 'start':
      return start(message.startMs);
    case 'move':
      return probers[message.stream]?.moveTo(message.base);
    case 'stop':
      return void stop();
  }
});
post({ type: 'ready' });
