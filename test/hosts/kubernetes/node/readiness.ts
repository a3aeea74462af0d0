import { request } from 'node:http';
import type { V1Container, V1Probe } from '@kubernetes/client-node';
import type { PodNetwork } from './pod-network.js';

/** One look at a readiness probe, from the node, as a kubelet does it. */
export function passes(probe: V1Probe, container: V1Container, network: PodNetwork): Promise<boolean> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const port = portOf((probe.httpGet ?? probe.tcpSocket)?.port, container);
  return new Promise((resolve) => {
    const options = {
      createConnection: () => network.connect(port),
      path: probe.httpGet?.path ?? '/',
      timeout: timeoutMs,
    };
    const asked = request(options, (answer) => {
      answer.resume();
      const code = answer.statusCode ?? 500;
      resolve(probe.tcpSocket !== undefined || (code >= 200 && code < 400));
    });
    asked.once('timeout', () => asked.destroy()).once('error', () => resolve(false));
    asked.end();
  });
}

function portOf(port: unknown, { ports = [] }: V1Container): number {
  return typeof port === 'number' ? port : (ports.find((p) => p.name === port)?.containerPort ?? 0);
}
