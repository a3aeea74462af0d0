import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState } from '../../harness/store/state.js';
import { seededRandom } from '../../harness/util/random.js';
import { temporaryFolder } from '../temporary-folder.js';
import { everything, serviceOf } from './bench.js';
import { FakeVim } from './fake-vim.js';

const script = fileURLToPath(new URL('./dying-process.js', import.meta.url));
const kills = Number(process.env.ORDEAL_KILLS ?? 2);
const seed = Number(process.env.ORDEAL_SEED ?? Date.now() % 100_000);

/** A world with a snapshot of each VNF in it, in files, as a process leaves it for the next. */
async function aWorld() {
  const folder = await temporaryFolder('recovery');
  const world = join(folder, 'world.json');
  const vim = new FakeVim();
  vim.saveTo = world;
  for (const id of ['web-1', 'web-2']) vim.add(id);
  vim.add('db-1', ['root', 'journal']);
  const service = serviceOf(everything);
  {
    await using state = await openState(folder);
    const engine = new SnapshotEngine({ service, vims: new Map([['fake', vim]]), state });
    await engine.createTogether(['web', 'db'].map((vnf) => ({ vnf, name: 'kept', purpose: 'manual' as const })));
  }
  return {
    folder,
    world,
    service,
    die: (what: string, at: number) =>
      spawnSync(process.execPath, [script, folder, world, what, String(at)], { encoding: 'utf8' }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

for (const [what, acts] of [
  ['create', 36],
  ['revert', 14],
  ['delete', 5],
] as const) {
  test(`after kill -9 at random points of a ${what}, nothing stays frozen or half-stored`, {
    tag: ['@OP-create.atomic', '@Vnfm.008'],
  }, async () => {
    console.log(`${kills} kills, ORDEAL_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let i = 0; i < kills; i++) {
      const at = 1 + Math.floor(random() * acts);
      await test.step(`${what} killed at act ${at}`, async () => {
        await using it = await aWorld();
        const died = it.die(what, at);
        expect(died.signal, died.stderr).toBe('SIGKILL');
        const vim = FakeVim.load(it.world);
        await using state = await openState(it.folder);
        const engine = new SnapshotEngine({ service: it.service, vims: new Map([['fake', vim]]), state });
        await engine.recover();
        expect(await engine.recover()).toEqual([]);
        for (const c of vim.computes.values()) {
          expect(c.powerState, c.resource).toBe('on');
          expect(c.quiesced, c.resource).toBe(false);
          expect(
            [...c.disks.values()].every((d) => d.attached),
            c.resource,
          ).toBe(true);
        }
        const listed = engine.list();
        const referred = listed.flatMap((s) => s.vnfcSnapshots.map((v) => v.computeSnapshotResource?.resourceId));
        expect(new Set(referred)).toEqual(new Set(vim.stored.keys()));
        if (what !== 'delete') expect(listed.map((s) => s.userDefinedData.name)).toEqual(['kept', 'kept']);
        await engine.create({ vnf: 'web', name: 'next', purpose: 'manual' });
      });
    }
  });
}

test('operations and leases of a host that is gone for good are taken over on request only', async () => {
  await using it = await aWorld();
  await using state = await openState(it.folder);
  const vim = FakeVim.load(it.world);
  const engine = new SnapshotEngine({ service: it.service, vims: new Map([['fake', vim]]), state });
  const [{ id } = { id: '' }] = engine.list({ vnf: 'web' });
  state.operations.begin('snapshot creation', it.service.descriptor.id, ['web']);
  state.leases.take(id, 'an export');
  for (const table of ['operation', 'lease']) state.database.run(`update ${table} set host = 'elsewhere'`);
  expect(await engine.recover()).toEqual([]);
  const request = { vnf: 'web', name: 'n', purpose: 'manual' } as const;
  await expect(engine.create(request)).rejects.toThrow(/on elsewhere.*gone for good/);
  await expect(engine.delete([id])).rejects.toMatchObject({ kind: 'snapshot-in-use' });
  await engine.recover({ otherHostsAreGone: true });
  await engine.create(request);
  await engine.delete([id]);
});

test('recovery leaves the operations of living processes alone', async () => {
  await using it = await aWorld();
  await using state = await openState(it.folder);
  state.operations
    .begin('snapshot creation', it.service.descriptor.id, ['web'])
    .intend([{ act: 'resume', vim: 'fake', computeId: 'web-1@1' }]);
  const vim = FakeVim.load(it.world);
  const engine = new SnapshotEngine({ service: it.service, vims: new Map([['fake', vim]]), state });
  expect(await engine.recover()).toEqual([]);
  expect(vim.calls).toEqual([]);
});
