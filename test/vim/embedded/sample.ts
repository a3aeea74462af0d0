import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocatedService, networkService } from '../../../harness/model/network-service.js';
import type { Vim } from '../../../harness/model/vim.js';
import { openVim } from '../../../harness/vim/registry.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { testModule } from './modules.js';

export interface Sample extends AsyncDisposable {
  readonly vim: Vim;
  readonly service: LocatedService;
  readonly folder: string;
  /** The body of the answer of a VNFC to a request. */
  ask(resource: string, path: string, body?: string): Promise<string>;
  url(resource: string): Promise<string>;
}

export interface SampleOptions {
  readonly names?: readonly string[];
  readonly deployment?: Record<string, unknown>;
  readonly options?: Record<string, unknown>;
  readonly disks?: readonly { id: string; sizeBytes: number; independent?: boolean }[];
  readonly port?: number;
  readonly start?: boolean;
}

/** A service of test VNFCs, all of the same module, all on one link. It ends by itself, whatever becomes of the test. */
export async function sample({
  names = ['a', 'b'],
  deployment = {},
  options = { maxLifetimeMs: 120_000 },
  disks = [{ id: 'data', sizeBytes: 1 << 20 }],
  port = 0,
  start = true,
}: SampleOptions = {}): Promise<Sample> {
  const folder = await temporaryFolder('embedded');
  const module = await testModule('probe');
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'sample',
    expectedRecoveryMs: 1000,
    highAvailability: 'none',
    vims: { embedded: options },
    virtualLinks: [{ id: 'lan' }],
    vnfs: [
      {
        id: 'vnf',
        vnfdId: 'vnfd',
        vnfcs: names.map((id) => ({
          id,
          connectionPoints: [
            { id: 'http', external: { protocol: 'http', port } },
            { id: 'lan', link: 'lan' },
            { id: 'udp', external: { protocol: 'udp' } },
          ],
          disks,
          deployment: { module, memoryMaxBytes: 64 << 20, ...deployment },
        })),
      },
    ],
    probes: [{ id: 'p', kind: 'http', url: '{base}/' }],
  });
  const service: LocatedService = { file: join(folder, 'service.yaml'), folder, descriptor };
  const vim = await openVim('embedded', { service, stateFolder: join(folder, 'state'), options });
  const url = async (resource: string): Promise<string> => {
    const state = await vim.inspect(await vim.locate(resource));
    return state.connectionPoints.find((cp) => cp.id === 'http')!.address;
  };
  const urls = new Map<string, string>();
  const made: Sample = {
    vim,
    service,
    folder,
    url,
    async ask(resource, path, body = '') {
      const base = urls.get(resource) ?? (await url(resource));
      urls.set(resource, base);
      const response = await fetch(`${base}/${path}`, { method: 'POST', body, signal: AbortSignal.timeout(5000) });
      return response.text();
    },
    async [Symbol.asyncDispose]() {
      await vim.instantiation?.terminate();
      await vim[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  if (start) {
    try {
      await vim.instantiation?.instantiate(service);
    } catch (e) {
      await made[Symbol.asyncDispose]();
      throw e;
    }
  }
  return made;
}
