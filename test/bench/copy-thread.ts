import { parentPort, workerData } from 'node:worker_threads';

/** Plain copies of shared memory, as a yardstick: the same bytes, the same machine, the same moment. */
const source = new Uint8Array(workerData as SharedArrayBuffer);

const warm = new Uint8Array(source.length).fill(1);

parentPort?.on('message', (into: 'new' | 'warm') => {
  const from = performance.now();
  const copy = into === 'warm' ? warm : new Uint8Array(source.length);
  copy.set(source);
  parentPort?.postMessage({ ms: performance.now() - from, check: copy[copy.length - 1] });
});
