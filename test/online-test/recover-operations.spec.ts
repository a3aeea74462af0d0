import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { abandonedOperations, recover } from '../../harness/online-test/recover.js';
import { Journal } from '../../harness/store/journal.js';
import type { UndoIntent } from '../../harness/store/operations.js';
import { openState } from '../../harness/store/state.js';
import { ordeal } from '../cli/ordeal.js';
import { type EmbeddedWorld, embeddedWorld } from '../snapshot/embedded-world.js';
import { gone } from './dead-runs.js';

const stateOf = (world: EmbeddedWorld): string => join(world.folder, 'vim');
const powerOf = async ({ vim }: EmbeddedWorld, vnfc: string) => (await vim.inspect(await vim.locate(vnfc))).powerState;

/** Somebody took a cold snapshot of a VNFC: it is off, was to be started again, and the process that had to do it has died. */
async function cutShort(world: EmbeddedWorld, { undo = [] as UndoIntent[], knowsFile = true } = {}): Promise<string> {
  const { vim, service } = world;
  const probes = [{ id: 'p', kind: 'http', connectionPoint: 'web-1.http', url: '{base}/hash', method: 'POST' }];
  await writeFile(service.file, JSON.stringify({ ...service.descriptor, probes }));
  const computeId = await vim.locate('web-1');
  await vim.stop(computeId);
  await using state = await openState(stateOf(world));
  const file = knowsFile ? service.file : undefined;
  const operation = state.operations.begin('snapshot creation', service.descriptor.id, ['web'], file);
  operation.intend([{ act: 'start', vim: 'embedded', computeId }, ...undo]);
  state.database.run('update operation set pid = ? where id = ?', gone, operation.id);
  return operation.id;
}

test('a snapshot outside of a run whose process has died is open, and is undone on a later day', async () => {
  await using world = await embeddedWorld();
  const id = await cutShort(world);
  const command = (...args: string[]) => ordeal(world.folder, '--state', stateOf(world), ...args);
  const status = await command('status');
  expect(status.stdout).toMatch(
    new RegExp(`^${id}, a snapshot creation on world since .*, process gone; to undo: 1; run \`ordeal recover\``),
  );
  const planned = await recover(stateOf(world), { dryRun: true });
  expect(planned.map((s) => [s.runId, s.outcome, s.what.replace(/ web-1\S*/, ' web-1')])).toEqual([
    [id, 'planned', 'start web-1'],
    [id, 'planned', 'end the snapshot creation'],
  ]);
  expect(await powerOf(world, 'web-1')).toBe('off');
  const recovered = await command('recover');
  expect(recovered.code, recovered.stderr).toBe(0);
  expect(recovered.stdout).toMatch(/start web-1\S* +done[\s\S]*end the snapshot creation +done/);
  expect(await powerOf(world, 'web-1')).toBe('on');
  expect((await command('status')).stdout).toContain('Nothing is open.');
  expect(await recover(stateOf(world))).toEqual([]);
});

test('what cannot be undone is told, the rest is done, and it stays open', async () => {
  await using world = await embeddedWorld();
  const lost: UndoIntent = {
    ...{
      act: 'go-back',
      vim: 'embedded',
      computeId: await world.vim.locate('web-2'),
      snapshotId: 'snap-0',
      force: false,
    },
  };
  const id = await cutShort(world, { undo: [lost] });
  const steps = await recover(stateOf(world));
  expect(steps.find((s) => s.outcome === 'failed')).toMatchObject({
    ...{ runId: id, what: expect.stringMatching(/^put web-2/), reason: expect.stringMatching(/no snapshot "snap-0"/) },
  });
  expect(await powerOf(world, 'web-1')).toBe('on');
  expect((await abandonedOperations(stateOf(world))).map((o) => o.undo)).toEqual([[lost]]);
});

test('one whose service cannot be found is told with the reason, and nothing is touched', async () => {
  await using world = await embeddedWorld();
  await cutShort(world, { knowsFile: false });
  const [step] = await recover(stateOf(world));
  expect(step).toMatchObject({
    outcome: 'failed',
    reason: expect.stringMatching(/where the descriptor of "world" is/),
  });
  await using state = await openState(stateOf(world));
  state.database.run('update operation set serviceFile = ?', world.service.file);
  await rm(world.service.file);
  const [without] = await recover(stateOf(world));
  expect(without).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/service\.yaml/) });
  expect(await powerOf(world, 'web-1')).toBe('off');
});

test('of a service that is gone nothing stands still any more: it is left until the service is there again', async () => {
  await using world = await embeddedWorld();
  const id = await cutShort(world);
  await world.killHost();
  expect(await recover(stateOf(world))).toMatchObject([
    { runId: id, outcome: 'left', reason: expect.stringContaining('the service is gone') },
  ]);
  expect(await recover(stateOf(world), { dryRun: true })).toHaveLength(2);
  await world.boot();
  expect((await recover(stateOf(world))).map((s) => s.outcome)).not.toContain('failed');
  expect(await recover(stateOf(world))).toEqual([]);
});

test('what belongs to an open run is undone with that run, by who holds it', async () => {
  await using world = await embeddedWorld();
  await cutShort(world);
  using journal = new Journal(stateOf(world));
  journal.begin({
    ...{ id: 'run-1', serviceFile: world.service.file, serviceId: 'world', outFolder: join(world.folder, 'out') },
    ...{ leaseMs: 1000, pid: process.pid, startedAt: new Date().toISOString() },
  });
  const heart = setInterval(() => journal.heartbeat('run-1'), 100);
  try {
    expect(await abandonedOperations(stateOf(world))).toEqual([]);
    expect((await recover(stateOf(world))).map((s) => s.outcome)).toEqual(['left']);
    expect(await powerOf(world, 'web-1')).toBe('off');
  } finally {
    clearInterval(heart);
  }
});

test('where nothing was ever done nothing is made', async () => {
  expect(await abandonedOperations('/nonexistent/ordeal')).toEqual([]);
});
