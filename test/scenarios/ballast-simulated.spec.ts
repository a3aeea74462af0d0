import { expect, test } from '@playwright/test';
import { buildScenario } from '../../scenarios/build.js';
import { located } from './gateway-harness.js';
import { Simulation } from './reactor-simulator.js';

test('ballast fills its memory, changes it, and notices a byte that is not its own', async () => {
  const service = await located('ballast', 'service.yaml');
  await buildScenario(service.folder);
  for (const vnfc of service.descriptor.vnfs[0]!.vnfcs)
    vnfc.deployment.config = { ballastMiB: 4, dirtyPercentPerSecond: 50 };
  const simulation = await Simulation.of(service);
  simulation.run(50);
  const ask = (path: string) => {
    const { status, body } = simulation.ask('ballast-1', 'GET', path);
    return { status, ...(JSON.parse(body) as { counter: number; bytes: number; checksum: string }) };
  };
  const first = ask('/verify');
  expect(first).toMatchObject({ status: 200, counter: 1, bytes: 4 * 1024 * 1024 });
  simulation.run(1000);
  const second = ask('/verify');
  expect(second).toMatchObject({ status: 200, counter: 2 });
  expect(second.checksum).not.toBe(first.checksum);
  simulation.vnfc('ballast-1').memory()[3_000_000]! ^= 1;
  expect(ask('/verify')).toMatchObject({ status: 500, counter: 3 });
  expect(ask('/')).toMatchObject({ status: 200, counter: 4 });
});
