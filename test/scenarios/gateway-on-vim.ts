import { rm } from 'node:fs/promises';
import type { LocatedService } from '../../harness/model/network-service.js';
import type { ResolveAddress } from '../../harness/model/probe.js';
import type { Vim } from '../../harness/model/vim.js';
import { populate } from '../../harness/monitor/populate.js';
import { openVim } from '../../harness/vim/registry.js';
import { buildScenario } from '../../scenarios/build.js';
import { temporaryFolder } from '../temporary-folder.js';
import { located } from './gateway-harness.js';

/** A sample service on the embedded VIM, in a state folder of its own that goes with it. */
export interface RunningService extends AsyncDisposable {
  readonly service: LocatedService;
  readonly vim: Vim;
  readonly resolve: ResolveAddress;
}

/** Starts it, and puts its population in. */
export async function startService(scenario: string): Promise<RunningService> {
  const service = await located(scenario, 'service.yaml');
  await buildScenario(service.folder);
  const stateFolder = await temporaryFolder('state');
  const vim = await openVim('embedded', { service, stateFolder, options: {} });
  const end = async () => {
    await vim.instantiation?.terminate();
    await vim[Symbol.asyncDispose]();
    await rm(stateFolder, { recursive: true, force: true });
  };
  try {
    await vim.instantiation?.instantiate(service);
    const addresses = new Map<string, string>();
    for (const { id, resource = id, connectionPoints } of service.descriptor.vnfs.flatMap((v) => v.vnfcs)) {
      if (!connectionPoints.some((c) => c.external !== undefined)) continue;
      for (const cp of (await vim.inspect(await vim.locate(resource))).connectionPoints) {
        addresses.set(`${id}.${cp.id}`, cp.address);
      }
    }
    const resolve = (cp: string): string => addresses.get(cp) ?? `there is no ${cp}`;
    if (service.descriptor.population !== undefined) await populate(service.descriptor.population, resolve);
    return { service, vim, resolve, [Symbol.asyncDispose]: end };
  } catch (e) {
    await end();
    throw e;
  }
}
