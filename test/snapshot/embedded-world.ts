import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocatedService, networkService } from '../../harness/model/network-service.js';
import type { Vim } from '../../harness/model/vim.js';
import { until } from '../../harness/util/deadline.js';
import { serviceFolder } from '../../harness/vim/embedded/launch.js';
import { openVim } from '../../harness/vim/registry.js';
import { memoryFolder } from '../memory-folder.js';
import { testModule } from '../vim/embedded/modules.js';

export const vnfs = { web: ['web-1', 'web-2'], db: ['db-1'] } as const;
export type VnfId = keyof typeof vnfs;
export const vnfcs = Object.values(vnfs).flat();

/** What one VNFC is: a hash over all that its memory was told since it booted, and what is on its disk. */
export type Content = readonly [memory: string, disk: string];

/** The hash of a memory that was told nothing. */
export const booted = '14695981039346656037';
const diskBytes = 12;

export interface EmbeddedWorld extends AsyncDisposable {
  readonly vim: Vim;
  readonly service: LocatedService;
  readonly folder: string;
  /** What lies where the VIM keeps its snapshots. */
  snapshotFiles(): Promise<string[]>;
  /** Tells it something new, and writes to its disk. */
  work(vnfc: string, value: number): Promise<void>;
  content(vnfc: string): Promise<Content>;
  /** The base URL of its external connection point. */
  address(vnfc: string): string;
  /** The process that the VNFCs run in, as a power cut would end it. */
  killHost(): Promise<void>;
  isHostGone(): Promise<boolean>;
  /** Brings the service up, anew where its host has gone. */
  boot(): Promise<void>;
}

/** Two VNFs of three tiny VNFCs on the embedded VIM. It ends by itself, whatever becomes of the test. */
export async function embeddedWorld(
  snapshots: Partial<Record<VnfId, Record<string, unknown>>> = {},
  maxLifetimeMs = 300_000,
): Promise<EmbeddedWorld> {
  const folder = await memoryFolder('world');
  const module = await testModule('probe');
  const vnfc = (id: string) => ({
    id,
    connectionPoints: [
      { id: 'http', external: { protocol: 'http' } },
      { id: 'lan', link: 'lan' },
    ],
    disks: [{ id: 'data', sizeBytes: 4096 }],
    deployment: { module, memoryMaxBytes: 1 << 20 },
  });
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'world',
    expectedRecoveryMs: 1000,
    highAvailability: 'none',
    vims: { embedded: { maxLifetimeMs } },
    virtualLinks: [{ id: 'lan' }],
    vnfs: (['web', 'db'] as const).map((id) => ({
      id,
      vnfdId: `${id}-vnfd`,
      vnfcs: vnfs[id].map(vnfc),
      snapshot: snapshots[id] ?? {},
    })),
    probes: [{ id: 'p', kind: 'http', url: '{base}/' }],
  });
  const service: LocatedService = { file: join(folder, 'service.yaml'), folder, descriptor };
  const vim = await openVim('embedded', { service, stateFolder: join(folder, 'vim'), options: { maxLifetimeMs } });
  const bases = new Map<string, string>();
  const ask = async (id: string, path: string, body = ''): Promise<string> => {
    const response = await fetch(`${bases.get(id)}/${path}`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`${id}/${path}: ${response.status}`);
    return response.text();
  };
  const snapshotFolder = join(serviceFolder(join(folder, 'vim'), descriptor.id), 'snapshots');
  await mkdir(snapshotFolder, { recursive: true });
  const world: EmbeddedWorld = {
    vim,
    service,
    folder,
    snapshotFiles: () => readdir(snapshotFolder),
    async work(id, value) {
      await ask(id, 'absorb', `${value}`);
      await ask(id, 'disk-write/0/0', `${value}`.padEnd(diskBytes));
    },
    address: (id) => bases.get(id) ?? '',
    async killHost() {
      const file = join(serviceFolder(join(folder, 'vim'), descriptor.id), 'host.json');
      const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      await until('the end of the host', () => world.isHostGone(), { withinMs: 5000, everyMs: 5 });
    },
    isHostGone: async () => (await vim.instantiation?.isGone?.()) === true,
    async boot() {
      await vim.instantiation?.instantiate(service);
      for (const id of vnfcs) {
        const { connectionPoints } = await vim.inspect(await vim.locate(id));
        bases.set(id, connectionPoints.find((cp) => cp.id === 'http')?.address ?? '');
      }
    },
    content: async (id) => [await ask(id, 'hash'), (await ask(id, `disk-read/0/0/${diskBytes}`)).trimEnd()],
    async [Symbol.asyncDispose]() {
      await vim.instantiation?.terminate();
      await vim[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await world.boot();
  } catch (e) {
    await world[Symbol.asyncDispose]();
    throw e;
  }
  return world;
}
