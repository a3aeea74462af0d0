import { Readable } from 'node:stream';
import { ChunkStore } from '../../../harness/store/chunks/chunk-store.js';
import { openState } from '../../../harness/store/state.js';
import { dirty, memoryImage } from './images.js';

/** Puts, deletes and collects until it is killed: `dying-writer.js folder first`. Image n is imageNumber(n). */
export function imageNumber(n: number): Buffer {
  const image = memoryImage(3 * 2 ** 20, Math.floor(n / 10));
  for (let k = 0; k <= n % 10; k++) dirty(image, 0.3, k);
  return image;
}

export async function writeUntilKilled(folder: string, first: number): Promise<void> {
  const state = await openState(folder);
  const store = await ChunkStore.open(state, { workers: 1 });
  process.stdout.write('ready\n');
  for (let n = first; ; n++) {
    await store.put(`${n}`, Readable.from([imageNumber(n)]));
    process.stdout.write(`put ${n}\n`);
    if (n % 2 === 1) {
      process.stdout.write(`deleting ${n - 1}\n`);
      await store.delete(`${n - 1}`);
    }
    if (n % 3 === 2) await store.collectGarbage();
  }
}

const [, script = '', folder, first] = process.argv;
if (script.endsWith('dying-writer.js') && folder !== undefined) await writeUntilKilled(folder, Number(first));
