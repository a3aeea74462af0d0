import { parentPort, workerData } from 'node:worker_threads';

/** Plain copies of shared memory, as a yardstick: the same bytes, the same machine, the same moment. */
const source = new Uint8Array(workerData as SharedArrayBuffer);

parentPort?.on('message', () => {
  const from = performance.now();
  const copy = new Uint8Array(source.length);
  copy.set(source);
  parentPort?.postMessage({ ms: performance.now() - from, check: copy[copy.length - 1] });
});
