import { rm } from 'node:fs/promises';
import { test } from '@playwright/test';
import fc from 'fast-check';
import { memoryFolder } from '../memory-folder.js';
import { commands } from './embedded-commands.js';
import { EmbeddedModel } from './embedded-model.js';
import { embeddedWorld } from './embedded-world.js';
import { Victims } from './victim.js';

const runs = Number(process.env.ORDEAL_RUNS ?? 1000);
/** In one of so many sequences whoever is to die is a process of its own, and is killed. */
const killsEvery = Number(process.env.ORDEAL_KILLS_EVERY ?? 60);
/** On a slow machine there are fewer of them; how many, is told. */
const longestMs = Number(process.env.ORDEAL_RUNS_MS ?? 150_000);
const seed = Number(process.env.ORDEAL_SEED ?? Date.now() % 2 ** 31);
/** Repeats one sequence alone, as a failure names it. */
const path = process.env.ORDEAL_PATH;
const modes = fc.constantFrom('direct' as const, 'indirect' as const);

test('random sequences of operations on the embedded VIM, some of which fail or die midway, leave what a plain model says', {
  tag: [
    ...['@vim:embedded', '@OP-create.atomic', '@OP-revert.revert', '@OP-delete.filter', '@OP-delete.consolidate'],
    ...['@OP-update.rename', '@OP-list.list', '@OP-show.details', '@OP-export.image-files', '@OP-import.image-files'],
    ...['@Vnfm.004', '@Vnfm.005', '@Vnfm.008', '@Vnfm.009'],
  ],
}, async () => {
  test.setTimeout(60_000 + runs * 2000);
  console.log(`${runs} sequences, ORDEAL_SEED=${seed}`);
  await using world = await embeddedWorld({}, 60_000 + runs * 2000);
  using victims = new Victims();
  const from = performance.now();
  const told = { sequences: 0, commands: 0, failures: 0, deaths: 0, kills: 0, hostKills: 0 };
  await fc.assert(
    fc.asyncProperty(commands, modes, fc.nat(killsEvery - 1), async (sequence, mode, draw) => {
      const folder = await memoryFolder('life');
      try {
        await using model = await EmbeddedModel.begin(world, mode, folder, draw === 0 ? victims : undefined);
        try {
          for (const it of sequence) await model.run(it);
          await model.end();
        } catch (e) {
          // What is left of it is not to trouble the next sequence.
          await world.vim.snapshots.delete((await world.vim.snapshots.list()).map((s) => s.id));
          throw e;
        }
        told.sequences++;
        told.commands += sequence.length;
        told.failures += model.failures;
        told.deaths += model.deaths;
        told.kills += model.kills;
        told.hostKills += model.hostKills;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    {
      ...{ numRuns: runs, seed, interruptAfterTimeLimit: longestMs },
      ...(path === undefined ? {} : { path }),
      endOnFailure: process.env.ORDEAL_SHRINK === undefined,
      // The report of Playwright shows no causes.
      includeErrorInReport: true,
    },
  );
  console.log(`${JSON.stringify(told)} in ${((performance.now() - from) / 1000).toFixed(1)} s`);
});
