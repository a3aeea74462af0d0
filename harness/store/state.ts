import { chmod, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { classifyIo } from '../util/errors.js';
import type { ChunkStore } from './chunks/chunk-store.js';
import { Database } from './database.js';
import { Leases } from './leases.js';
import { migrations } from './migrations.js';
import { Operations } from './operations.js';
import { PackageRepository } from './package-repository.js';
import { databaseOf } from './place.js';
import { VnfSnapshotRepository } from './vnf-snapshot-repository.js';

/** All that Ordeal remembers for one user: repositories, operations in progress, leases. */
export interface State extends AsyncDisposable {
  readonly folder: string;
  readonly database: Database;
  readonly vnfSnapshots: VnfSnapshotRepository;
  readonly packages: PackageRepository;
  readonly operations: Operations;
  readonly leases: Leases;
  /** Opened when it is asked for first, closed with the state. */
  chunks(): Promise<ChunkStore>;
}

/**
 * Opens the state folder, and makes it when there is none: for its owner alone, because snapshots hold memory. Any
 * number of processes may have it open.
 * @throws OrdealError of kinds file-invalid, no-space, busy
 */
export async function openState(stateFolder: string): Promise<State> {
  const folder = resolve(stateFolder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (e) {
    throw classifyIo(e, folder);
  }
  const database = new Database(databaseOf(folder), migrations);
  const leases = new Leases(database);
  let chunks: Promise<ChunkStore> | undefined;
  return {
    folder,
    database,
    vnfSnapshots: new VnfSnapshotRepository(database),
    packages: new PackageRepository(database),
    operations: new Operations(database),
    leases,
    chunks: () => {
      chunks ??= import('./chunks/chunk-store.js').then((m) => m.ChunkStore.open({ folder, database, leases }));
      return chunks;
    },
    [Symbol.asyncDispose]: async () => {
      const [opened] = await Promise.allSettled(chunks === undefined ? [] : [chunks]);
      if (opened?.status === 'fulfilled') await opened.value[Symbol.asyncDispose]();
      database[Symbol.dispose]();
    },
  };
}
