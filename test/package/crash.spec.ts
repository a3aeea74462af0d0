import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { seededRandom } from '../../harness/util/random.js';
import { test } from './fixtures.js';
import { contentsOf, openMachine } from './package-bench.js';

const seed = Number(process.env.ORDEAL_SEED ?? 20261122);
/** More of them by hand or by night: ORDEAL_KILLS=500. */
const kills = Number(process.env.ORDEAL_KILLS ?? 8);
const helper = fileURLToPath(new URL('./crash-helper.js', import.meta.url));

test('after kill -9 at any point every listed package is sound, and no file is left over', {
  tag: ['@Vnfm.009'],
}, async ({ folder }) => {
  test.setTimeout(60_000 + kills * 5000);
  const random = seededRandom(seed);
  const met = new Map<string, number>();
  for (let n = 0; n < kills; n++) {
    const child = spawn(process.execPath, [helper, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    await sleep(random() * 600);
    child.kill('SIGKILL');
    await exited;
    expect(child.signalCode, `seed ${seed}, kill ${n}`).toBe('SIGKILL');

    await using machine = await openMachine({}, folder);
    for (const line of await machine.packages().recover()) {
      const what = / left (\w+)/.exec(line)?.[1] ?? 'a file';
      met.set(what, (met.get(what) ?? 0) + 1);
    }
    const listed: string[] = [];
    const packages = machine.packages();
    for (const { record } of machine.state.packages.list()) {
      const { id, state } = record as { id: string; state: string };
      if (state === 'ERROR') continue;
      expect(['AVAILABLE', 'ERROR_EXTRACTING'], `${id} is ${state}`).toContain(state);
      await packages.verify(id);
      listed.push(id);
    }
    expect(await contentsOf(machine)).toEqual(listed.sort());
    await machine.engine.recover();
    expect(machine.state.vnfSnapshots.unfinished(), `seed ${seed}, kill ${n}`).toEqual([]);
  }
  const description = [...met].map(([what, count]) => `${what} ${count}`).join(', ');
  test
    .info()
    .annotations.push({ type: 'measured', description: `${kills} kills, seed ${seed}: cleaned up ${description}` });
});
