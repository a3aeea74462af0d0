import { ChunkStore } from '../../harness/store/chunks/chunk-store.js';
import { openState } from '../../harness/store/state.js';

/** One operation in a process of its own, as a command of a tool would be: `store-operation.js put|restore state id file`. */
const [what, folder = '', id = '', file = ''] = process.argv.slice(2);
await using state = await openState(folder);
await using store = await ChunkStore.open(state);
if (what === 'put') await store.put(id, { file });
// As tar, restic and casync restore: it is on the disk when the system sees fit.
else await store.restore(id, file, { durable: false });
