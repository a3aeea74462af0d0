import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ChunkStore } from '../../harness/store/chunks/chunk-store.js';
import { Database } from '../../harness/store/database.js';
import { Leases } from '../../harness/store/leases.js';
import { migrations } from '../../harness/store/migrations.js';

/** One operation in a process of its own, as a command of a tool would be: `store-operation.js put|restore state id file`. */
const [what, folder = '', id = '', file = ''] = process.argv.slice(2);
await mkdir(folder, { recursive: true, mode: 0o700 });
using database = new Database(join(folder, 'ordeal.db'), migrations);
await using store = await ChunkStore.open({ folder, database, leases: new Leases(database) });
if (what === 'put') await store.put(id, { file });
// As tar, restic and casync restore: it is on the disk when the system sees fit.
else await store.restore(id, file, { durable: false });
