import { expect, test } from '@playwright/test';
import type {
  CreateVnfSnapshotRequest,
  RevertVnfSnapshotOptions,
  SnapshotEngine,
} from '../../harness/snapshot/engine.js';
import { NotificationHub } from '../../harness/snapshot/notification/hub.js';
import { memoryFolder } from '../memory-folder.js';
import { type Bench, everything, openBench } from './bench.js';
import { type Tap, tappedVim } from './tapped-vim.js';

const request: CreateVnfSnapshotRequest = { vnf: 'web', name: 'n', purpose: 'manual' };
type Operation = (engine: SnapshotEngine, id: string) => Promise<unknown>;
/** It was shut down, as it was asked for, and has booted again. */
const shutDown = 'a creation with every option';

const operations: Record<string, Operation> = {
  'a creation': (engine) => engine.create(request),
  'a creation of two VNFs together': (engine) => engine.createTogether([request, { ...request, vnf: 'db' }]),
  [shutDown]: (engine) =>
    engine.create({
      ...request,
      quiesce: 'yes',
      vnfcs: everything.web.vnfcs as CreateVnfSnapshotRequest['vnfcs'] & {},
    }),
  'a reversion': (engine, id) => engine.revert(id),
  'a reversion of stopped VNFCs without their volumes': (engine, id) =>
    engine.revert(id, { stopFirst: true, detachDisks: true }),
  'a reversion one by one': (engine, id) => engine.revert(id, { consistent: false }),
  'a reversion to another state': (engine, id) =>
    engine.revert(id, { state: 'off', detachDisks: true } satisfies RevertVnfSnapshotOptions),
};

/** Runs it once with the tap, on VNFCs that have changed since the snapshot; db-1 is suspended, as an operator left it. */
async function once(operation: Operation, mode: 'direct' | 'indirect', tap: Tap) {
  const bench = await openBench({}, await memoryFolder('failure'));
  const told: string[] = [];
  const notification = new NotificationHub();
  notification.subscribe({}, async ({ event }) => void told.push(event));
  const { id } = await bench.engine().create(request);
  for (const c of bench.vim.computes.values()) {
    c.memory = { counter: 7, of: c.resource };
    c.disks.get('root')!.content = `later ${c.resource}`;
  }
  bench.vim.computes.get('db-1@1')!.powerState = 'suspended';
  const before = worldOf(bench);
  const vims = new Map([['fake', tappedVim(bench.vim, tap)]]);
  const failed = await operation(bench.engine({ vims, mode, notification }), id).then(
    () => undefined,
    (e: unknown) => String(e),
  );
  return { bench, before, after: worldOf(bench), failed, told };
}

const worldOf = (bench: Bench) => structuredClone({ ...bench.vim.world(), listed: bench.engine().list() });

for (const mode of ['direct', 'indirect'] as const) {
  for (const [name, operation] of Object.entries(operations)) {
    test(`${name} that fails at any call to the VIM, in ${mode} mode, leaves all as it was`, {
      tag: ['@OP-create.atomic'],
    }, async () => {
      const calls: string[] = [];
      const whole = await once(operation, mode, (call, moment) => void (moment === 'before' && calls.push(call)));
      expect(whole.failed).toBeUndefined();
      await whole.bench[Symbol.asyncDispose]();
      let failures = 0;
      for (const moment of ['before', 'after'] as const) {
        for (const at of calls.keys()) {
          let count = 0;
          const it = await once(operation, mode, (_call, when) => {
            if (when === moment && count++ === at) throw new Error('told to fail');
          });
          const where = `${moment} call ${at + 1}, ${calls[at]}`;
          if (it.failed === undefined) {
            // Only what is left to tidy up once the operation is done may fail without failing it; it is tried again.
            expect(calls[at]).toBe('snapshots.delete');
            expect(it.after.stored.length, where).toBe(whole.after.stored.length);
          } else {
            failures++;
            if (name === shutDown) for (const w of [it.before, it.after]) w.computes[1]!.memory = {};
            expect(it.failed, where).toContain('told to fail');
            expect(it.failed, where).not.toContain('not everything');
            expect(it.after, where).toEqual(it.before);
            expect(it.told.filter((t) => t.endsWith('start')).length, where).toBe(
              it.told.filter((t) => t.endsWith('end')).length,
            );
          }
          expect(
            it.bench.state.operations.list().every((o) => o.finishedAt !== undefined),
            where,
          ).toBe(true);
          await it.bench[Symbol.asyncDispose]();
        }
      }
      expect(failures).toBeGreaterThan(calls.length);
    });
  }
}
