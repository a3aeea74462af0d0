import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';

export interface LaneOptions {
  /** So few that all of them can be asked for after each run. */
  readonly sessions?: number;
  readonly probeRateHz?: number;
  /** How often the VNFCs speak to each other when there is nothing else to say, in milliseconds. */
  readonly idleMs?: number;
}

const sample = join(packageRoot, 'scenarios', 'session-gateway');

interface Descriptor {
  id: string;
  expectedRecoveryMs: number;
  vnfs: {
    vnfcs: { id: string; deployment: { module: string; respawnMs?: number; config: Record<string, unknown> } }[];
  }[];
  population: { keys: { to: number } };
  probes: { id: string; rateHz: number; keys?: { to: number } }[];
  indicators: unknown;
}

/** The sample service, small and quick: four VNFCs, few sessions, recovered in a second at the most. @returns its descriptor file */
export async function writeLaneService(
  folder: string,
  id: string,
  { sessions = 60, probeRateHz = 60, idleMs = 200 }: LaneOptions = {},
): Promise<string> {
  const service = parse(await readFile(join(sample, 'service.yaml'), 'utf8')) as Descriptor;
  service.id = id;
  service.expectedRecoveryMs = 900;
  for (const vnf of service.vnfs) {
    vnf.vnfcs = vnf.vnfcs.filter((c) => c.id !== 'worker-2');
    for (const { id, deployment } of vnf.vnfcs) {
      deployment.module = join(sample, deployment.module);
      // The load balancer is nobody's to bring back but ours: without it the service is not as before.
      if (id === 'lb') delete deployment.respawnMs;
      else deployment.respawnMs = 50;
      const { config } = deployment;
      if ('workers' in config) config.workers = ['worker-1'];
      // They speak seldom: a dozen of such services that do nothing are not to take a share of the machine.
      if (id === 'lb') Object.assign(config, { healthMs: idleMs, outAfterMisses: 2 });
      if ('stores' in config) config.storeSilentMs = 2.5 * idleMs;
      if ('capacity' in config)
        Object.assign(config, { capacity: 2 * sessions, announceMs: idleMs, promoteMs: 3 * idleMs });
    }
    delete (vnf as { vnfd?: unknown }).vnfd;
    delete (vnf as { snapshot?: unknown }).snapshot;
  }
  service.population.keys.to = sessions;
  for (const probe of service.probes) {
    probe.rateHz = probeRateHz;
    if (probe.keys !== undefined) probe.keys.to = sessions;
  }
  service.probes = service.probes.filter((p) => p.id === 'hits');
  // A machine full of runs is slow, and what is judged here is not how fast the service is.
  service.indicators = {
    ...{ errorRatio: { absolute: 0.2 }, availability: { absolute: 0.2 }, latencyP50: { absolute: 10_000 } },
  };
  await mkdir(join(folder, id), { recursive: true });
  const file = join(folder, id, 'service.yaml');
  await writeFile(file, stringify(service, { aliasDuplicateObjects: false }));
  return file;
}
