import { parentPort, workerData } from 'node:worker_threads';
import { HttpProber, type HttpSpec } from '../../harness/monitor/probes/http.js';

/** As many requests as the service answers, over so many connections, in a thread that costs the machine little itself. */
const { spec, connections, forMs } = workerData as { spec: HttpSpec; connections: number; forMs: number };
const prober = new HttpProber(spec, undefined);
const untilMs = performance.now() + forMs;
let [answers, n] = [0, 0];

function next(): void {
  if (performance.now() >= untilMs) return;
  prober.send(`user-${1 + (n++ % 5000)}`, (ok) => {
    if (ok) answers++;
    next();
  });
}

for (let i = 0; i < connections; i++) next();
setTimeout(() => {
  parentPort?.postMessage((answers * 1000) / forMs);
  void prober.close();
}, forMs);
