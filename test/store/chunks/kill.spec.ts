import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { ChunkStore } from '../../../harness/store/chunks/chunk-store.js';
import { openState } from '../../../harness/store/state.js';
import { seededRandom } from '../../../harness/util/random.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { imageNumber } from './dying-writer.js';

const script = fileURLToPath(new URL('./dying-writer.js', import.meta.url));
const kills = Number(process.env.ORDEAL_KILLS ?? 3);
const seed = Number(process.env.ORDEAL_SEED ?? Date.now() % 100_000);

test('after kill -9 at random points of writing, deleting and collecting, what was stored is whole and nothing leaks', async () => {
  console.log(`${kills} kills, ORDEAL_SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = await temporaryFolder('kill');
  const stored = new Set<string>();
  let uncertain: string | undefined;
  let next = 0;
  for (let i = 0; i < kills; i++) {
    const child = spawn(process.execPath, [script, folder, String(next)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const killAfter = Math.floor(random() * 400);
    const gone = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      const [word = '', id = ''] = line.split(' ');
      if (word === 'ready') setTimeout(() => child.kill('SIGKILL'), killAfter);
      if (word === 'put') {
        stored.add(id);
        next = Number(id) + 1;
      }
      if (word === 'deleting') {
        stored.delete(id);
        uncertain = id;
      }
    }
    expect((await gone)[1]).toBe('SIGKILL');
    await using state = await openState(folder);
    await using store = await ChunkStore.open(state, { workers: 1 });
    const listed = new Set((await store.list()).map((image) => image.id));
    for (const id of stored) expect(listed, `killed after ${killAfter} ms`).toContain(id);
    for (const id of listed) {
      if (!stored.has(id)) expect([uncertain, String(next)]).toContain(id);
      expect((await buffer(store.read(id))).equals(imageNumber(Number(id))), id).toBe(true);
    }
    await store.collectGarbage();
    expect(await store.verify()).toEqual([]);
    const files = await readdir(join(folder, 'chunks'), { recursive: true });
    expect(files.filter((f) => /writing|tmp/.test(f))).toEqual([]);
    expect((await store.planGarbageCollection()).remove).toEqual([]);
    for (const id of listed) {
      if (random() < 0.7) {
        await store.delete(id);
        stored.delete(id);
      } else stored.add(id);
    }
    // An even one: the writer deletes the one before each odd one.
    next += 2 + (next % 2);
  }
  await rm(folder, { recursive: true, force: true });
});
