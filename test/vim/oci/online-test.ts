import { copyFile, cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { parseDocument } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { buildRedisImage } from '../../hosts/containers/redis-image.js';
import { orSkip } from '../../hosts/or-skip.js';
import {
  expectExtraction,
  expectOnlineTesting,
  expectVnfcSnapshot,
  extractionRows,
  onlineTestingRows,
  Providers,
} from '../online-testing.js';
import { ordeal } from '../ordeal-command.js';

const scenarios = join(packageRoot, 'scenarios');
const feature = 'online-testing.feature';

/** The samples of containers, each with how its image comes into a folder. */
const samples = {
  'session-containers': (host: ContainerHost, archive: string) => copyFile(host.image, archive),
  'session-redis': (_: ContainerHost, archive: string) => orSkip(buildRedisImage(archive)),
};
export type Sample = keyof typeof samples;

/** A sample's descriptor for this engine, its image beside it. @returns the folder with `service.yaml` */
export async function deploySample(host: ContainerHost, sample: Sample): Promise<string> {
  const folder = await mkdtemp(join(host.folder, `${sample}-`));
  const written = (await readFile(join(scenarios, sample, 'service.yaml'), 'utf8')).replaceAll(
    /\bdocker\b/g,
    host.kind,
  );
  const [url = '', address = ''] = /http:\/\/(10\.[\d.]+:\d+)/.exec(written) ?? [];
  const service = parseDocument(written.replace(url, await host.ports.reach(address)));
  for (const [key, value] of Object.entries(host.options)) service.setIn(['vims', host.kind, key], value);
  // Redis brings jemalloc, which waits for itself for ever when libfaketime asks it for memory.
  if (sample === 'session-redis') service.deleteIn(['vims', host.kind, 'faketime']);
  await writeFile(join(folder, 'service.yaml'), String(service));
  if (sample === 'session-containers')
    await cp(join(scenarios, sample, 'vnfd'), join(folder, 'vnfd'), { recursive: true });
  await samples[sample](host, join(folder, 'image.tar'));
  return folder;
}

/** `ordeal run` with the features of the containers on a sample. Fails unless both scenarios end as they say. */
export async function runScenarios(host: ContainerHost, sample: Sample): Promise<void> {
  await run(await deploySample(host, sample));
}

/** The rows that `runOnlineTesting` proves for the engine of a host. */
export const provenRows = ['@CO-vnfc-snapshot', ...onlineTestingRows, ...extractionRows];

/** The sample that has nothing but what is built here, with all that its runs are to leave. */
export async function runOnlineTesting(host: ContainerHost): Promise<void> {
  const folder = await deploySample(host, 'session-containers');
  await using providers = await Providers.of(folder);
  await run(folder);
  const [, restored] = await expectOnlineTesting(folder, providers);
  await expectVnfcSnapshot(restored, host.kind);
  await expectExtraction(folder, restored);
}

async function run(folder: string): Promise<void> {
  await copyFile(join(scenarios, 'session-containers', feature), join(folder, feature));
  const out = ['--state', join(folder, 'state'), '--out', join(folder, 'out')];
  const { code, said } = await ordeal(['run', join(folder, feature), '--no-allure', ...out], folder);
  expect(code, said).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');
}
