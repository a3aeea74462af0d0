import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState } from '../../harness/store/state.js';
import { openBench } from './bench.js';
import type { FakeCompute } from './fake-vim.js';

const runs = Number(process.env.ORDEAL_RUNS ?? 10);
const vnfs: Record<string, readonly string[]> = { web: ['web-1', 'web-2'], db: ['db-1'] };

/** What one VNFC is, as the plain model has it: what it remembers and what its disk holds. */
type Content = readonly [memory: string, disk: string];
interface ModelSnapshot {
  readonly vnf: string;
  readonly type: 'cold' | 'warm';
  readonly contents: Readonly<Record<string, Content>>;
  name: string;
}

const failing = fc.option(fc.nat(12), { nil: undefined, freq: 3 });
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('work' as const), vnfc: fc.nat(2), value: fc.nat(999) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      vnfs: fc.subarray(['web', 'db'], { minLength: 1 }),
      type: fc.constantFrom('cold' as const, 'warm' as const),
      failing,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revert' as const), which: fc.nat(), failing }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('rename' as const), which: fc.nat(), name: fc.string({ minLength: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

const contentOf = (c: FakeCompute): Content => [JSON.stringify(c.memory), c.disks.get('root')?.content ?? ''];
const booted = JSON.stringify({ counter: 0 });

test('random sequences of operations, some of which fail, leave what a plain model says', {
  tag: [
    '@OP-create.atomic',
    '@OP-revert.revert',
    '@OP-delete.filter',
    '@OP-update.rename',
    '@OP-list.list',
    '@OP-show.details',
  ],
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      await using bench = await openBench();
      const { vim } = bench;
      let state = bench.state;
      let engine = bench.engine();
      const model = new Map<string, ModelSnapshot>();
      const world = () => Object.fromEntries([...vim.computes.values()].map((c) => [c.resource, contentOf(c)]));
      const pick = (n: number) => [...model.keys()][n % Math.max(1, model.size)];
      /** The n-th act of the VIM from now on fails. */
      const failAt = (n: number | undefined) => {
        let acts = 0;
        vim.onAct = (_call, moment) => {
          if (n !== undefined && moment === 'before' && acts++ === n) throw new Error('told to fail');
        };
      };
      const others = [];
      for (const it of commands) {
        const before = world();
        if (it.do === 'work') {
          const vnfc = [...vim.computes.values()][it.vnfc];
          if (vnfc === undefined) continue;
          vnfc.memory = { counter: it.value };
          vnfc.disks.get('root')!.content = `disk ${it.value}`;
          continue;
        }
        if (it.do === 'reopen') {
          const reopened = await openState(state.folder);
          others.push(reopened);
          state = reopened;
          engine = new SnapshotEngine({ service: bench.service, vims: new Map([['fake', vim]]), state });
        }
        if (it.do === 'create') {
          failAt(it.failing);
          const requests = it.vnfs.map((vnf) => ({ vnf, name: 'n', purpose: 'manual' as const, type: it.type }));
          const made = await engine.createTogether(requests).catch((e: unknown) => {
            expect(String(e)).toContain('told to fail');
            return [];
          });
          failAt(undefined);
          for (const { id, vnfInstanceId: vnf } of made) {
            const contents = Object.fromEntries((vnfs[vnf] ?? []).map((c) => [c, before[c]!]));
            model.set(id, { vnf, type: it.type, contents, name: 'n' });
          }
          expect(world()).toEqual(before);
        }
        const id = 'which' in it ? pick(it.which) : undefined;
        const target = id === undefined ? undefined : model.get(id);
        if (id !== undefined && target !== undefined) {
          if (it.do === 'delete') {
            await engine.delete([id]);
            model.delete(id);
          }
          if (it.do === 'rename') {
            engine.update(id, { name: it.name });
            target.name = it.name;
          }
          if (it.do === 'revert') {
            failAt(it.failing);
            const isDone = await engine.revert(id).then(
              () => true,
              () => false,
            );
            failAt(undefined);
            const after = world();
            for (const [vnfc, [memory, disk]] of Object.entries(target.contents)) {
              const there = [target.type === 'warm' ? memory : booted, disk];
              // One that was not reached is as it was before: of one time or the other, never of both.
              if (isDone) expect(after[vnfc]).toEqual(there);
              else expect([JSON.stringify(there), JSON.stringify(before[vnfc])]).toContain(JSON.stringify(after[vnfc]));
            }
            if (!isDone) await engine.revert(id);
          }
        }
        expect([...vim.computes.values()].map((c) => [c.powerState, c.quiesced])).toEqual(Array(3).fill(['on', false]));
        expect(
          engine
            .list()
            .map((s) => [s.id, s.userDefinedData.name])
            .sort(),
        ).toEqual([...model].map(([key, s]) => [key, s.name]).sort());
        const referred = engine
          .list()
          .flatMap((s) => s.vnfcSnapshots.map((v) => v.computeSnapshotResource?.resourceId));
        expect([...vim.stored.keys()].sort()).toEqual(referred.sort());
        expect(vim.capturing.size).toBe(0);
      }
      for (const other of others) await other[Symbol.asyncDispose]();
    }),
    { numRuns: runs },
  );
});
