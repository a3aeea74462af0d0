import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ChunkStore } from '../../harness/store/chunks/chunk-store.js';
import { Database } from '../../harness/store/database.js';
import { Leases } from '../../harness/store/leases.js';
import { migrations } from '../../harness/store/migrations.js';
import { reasonOf } from '../../harness/util/errors.js';

/**
 * One operation in a process of its own, as a command of a tool would be: `store-operation.js put|restore state id file`;
 * or `store-operation.js serve state`, which is asked for them as a run asks its harness: `put id file`.
 */
const [what, folder = '', id = '', file = ''] = process.argv.slice(2);
await mkdir(folder, { recursive: true, mode: 0o700 });
using database = new Database(join(folder, 'ordeal.db'), migrations);
await using store = await ChunkStore.open({ folder, database, leases: new Leases(database) });

async function operate(what: string | undefined, id: string, file: string): Promise<void> {
  if (what === 'put') await store.put(id, { file });
  // As tar, restic and casync restore: it is on the disk when the system sees fit.
  else await store.restore(id, file, { durable: false });
}

if (what === 'serve') {
  process.on('message', async (command: string) => {
    const [what, id = '', file = ''] = command.split(' ');
    const before = process.cpuUsage();
    const [outcome] = await Promise.allSettled([operate(what, id, file)]);
    const { user, system } = process.cpuUsage(before);
    const failure = outcome.status === 'rejected' ? { failure: reasonOf(outcome.reason) } : {};
    process.send?.({ cpuMs: (user + system) / 1000, ...failure });
  });
  const disconnected = new Promise((resolve) => process.once('disconnect', resolve));
  process.send?.('ready');
  await disconnected;
} else await operate(what, id, file);
