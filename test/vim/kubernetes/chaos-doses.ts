import type { Injection } from '../../../harness/model/fault.js';
import type { ChaosTarget } from '../../../harness/vim/kubernetes/chaos-mesh/from-catalogue.js';

/** Parameters for each fault of the catalogue that Chaos Mesh has, and wants some for. */
const doses: Readonly<Record<string, Injection['params']>> = {
  delay: { delayMs: 80.5, jitterMs: 10 },
  loss: { ratio: 0.255 },
  duplication: { ratio: 0.5 },
  reordering: { ratio: 0.3 },
  corruption: { ratio: 0.3 },
  rate: { bytesPerSecond: 50_000 },
  'cpu-starvation': { share: 0.25 },
  'memory-pressure': { leaveBytes: 2 ** 20 },
  'disk-error': { on: 'read', ratio: 0.5 },
  'disk-delay': { delayMs: 200 },
  'clock-skew': { offsetMs: -3_600_000 },
  'http-abort': { port: 8080 },
  'http-delay': { port: 8080, path: '/sessions*', delayMs: 300 },
  'dns-error': { names: ['peer.*'] },
  'block-delay': { volume: 'data', delayMs: 50 },
  'kernel-error': { of: 'slab', ratio: 0.1, callchain: [{ funcname: '__x64_sys_mount' }] },
  machine: { addresses: ['192.0.2.7:31767'], action: 'process', spec: { process: { process: 'upf', signal: 9 } } },
};

export const injection = (kind: string, expiresAfterMs = 60_000): Injection => ({
  id: `fault-${kind}`,
  runId: 'run-1',
  kind,
  vim: 'kubernetes',
  target: { vnfc: 'store-1' },
  params: doses[kind] ?? {},
  seed: 1,
  expiresAfterMs,
});

/** With something of everything that a fault may want of its target. */
export const targetIn = (namespace: string): ChaosTarget => ({
  selector: { namespaces: [namespace], labelSelectors: { app: 'store' } },
  peer: { namespaces: [namespace], labelSelectors: { app: 'gateway' } },
  container: 'store',
  mountPath: '/data',
  cpus: 2,
  memoryLimitBytes: 256 * 2 ** 20,
});
