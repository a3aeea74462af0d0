import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { JournalAction, JournalEntry } from '../../harness/model/journal.js';
import type { ServiceSession } from '../../harness/online-test/session.js';
import { describeUndo, undoEntry } from '../../harness/online-test/undo-entry.js';
import { temporaryFolder } from '../temporary-folder.js';
import type { Owned } from './undo-fakes.js';
import { fakeSession, injection } from './undo-fakes.js';

const entry = (action: JournalAction): JournalEntry => ({ id: 1, runId: 'run-1', at: '', state: 'done', action });
const compute = { vim: 'fake', resource: 'web', computeId: 'web@1' };
const cover = {
  ...{ type: 'covered' as const, title: 't', area: ['a', 'b'], vnfSnapshotIds: [], samplesFile: '' },
  ...{ baseline: { fromMs: 0, toMs: 1 }, expectedRecoveryMs: 1, measureMs: 1, seed: 1 },
};
const undo = async (
  action: JournalAction,
  places: Record<string, string> = { web: 'web@1' },
  owned: readonly Owned[] = [],
) => {
  const { told, session } = fakeSession(places, owned);
  const outcome = await undoEntry(session as unknown as ServiceSession, 'run-1', entry(action));
  return [outcome, ...told];
};

test('a fault is healed, a freeze is thawed', async () => {
  expect(await undo({ type: 'fault', injection })).toEqual(['undone', 'heal fault-1']);
  expect(await undo({ type: 'freeze', ...compute })).toEqual(['undone', 'resume web@1']);
});

test('a quarantine ends while nothing stands in for the failed VNFC, and is evidence when something does', async () => {
  expect(await undo({ type: 'quarantine', ...compute })).toEqual(['undone', 'unquarantine web@1 run-1']);
  expect(await undo({ type: 'quarantine', ...compute }, { web: 'web@2' })).toEqual(['evidence']);
});

test('of what was restored as new, only what the run owns, nobody uses and no evidence is goes', async () => {
  const owned = [
    { computeId: 'web@1', resource: 'web', quarantined: false },
    { computeId: 'web@2', resource: 'web', quarantined: false },
    { computeId: 'web@3', resource: 'web', quarantined: true },
    { computeId: 'db@2', resource: 'db', quarantined: false },
  ];
  const action = { type: 'restore-as-new', vim: 'fake', resource: 'web', snapshotId: 's' } as const;
  expect(await undo(action, { web: 'web@1' }, owned)).toEqual(['undone', 'release web@2 run-1']);
});

test('of a failed VNFC that somebody has deleted nothing is left to undo, and what was to stand in for it goes', async () => {
  expect(await undo({ type: 'quarantine', ...compute }, {})).toEqual(['undone']);
  const owned = [{ computeId: 'web@2', resource: 'web', quarantined: false }];
  const action = { type: 'restore-as-new', vim: 'fake', resource: 'web', snapshotId: 's' } as const;
  expect(await undo(action, {}, owned)).toEqual(['undone', 'release web@2 run-1']);
});

test('of a package nothing half-written stays', async () => {
  const folder = await temporaryFolder('undo');
  const file = join(folder, 'a.zip');
  await writeFile(join(folder, '.a.zip.0123abcd.tmp'), 'half');
  await writeFile(join(folder, 'other'), 'stays');
  expect(await undo({ type: 'package', file })).toEqual(['undone']);
  expect(await readdir(folder)).toEqual(['other']);
});

test('a switch happened or did not, and a cover is looked after elsewhere', async () => {
  expect(await undo({ type: 'switch-over', vim: 'fake', pairs: [] })).toEqual(['undone']);
  expect(await undo(cover)).toEqual(['undone']);
});

test('what a VIM has done that is not configured any more is nobody’s to undo', async () => {
  const gone = { ...compute, vim: 'other' };
  for (const action of [
    { type: 'fault', injection: { ...injection, vim: 'other' } },
    { type: 'freeze', ...gone },
    { type: 'quarantine', ...gone },
    { type: 'restore-as-new', vim: 'other', resource: 'web', snapshotId: 's' },
  ] as const) {
    expect(await undo(action)).toEqual(['undone']);
  }
});

test('what a VIM cannot do it has not done, and there is nothing to undo', async () => {
  const bare = { kind: 'fake', locate: async () => 'web@1' };
  const session = { vims: new Map([['fake', bare]]) } as unknown as ServiceSession;
  for (const action of [
    { type: 'fault', injection },
    { type: 'freeze', ...compute },
    { type: 'quarantine', ...compute },
    { type: 'restore-as-new', vim: 'fake', resource: 'web', snapshotId: 's' },
  ] as const) {
    expect(await undoEntry(session, 'run-1', entry(action))).toBe('undone');
  }
});

test('a fault on a way of a link is told with its ends', () => {
  const target = { link: 'back', from: 'web', to: 'db' };
  expect(describeUndo(entry({ type: 'fault', injection: { ...injection, kind: 'partition', target } }))).toBe(
    'heal partition on back web db',
  );
});

test('each undo reads as what will be done', () => {
  const told = (action: JournalAction) => describeUndo(entry(action));
  expect([
    told({ type: 'fault', injection }),
    told({ type: 'freeze', ...compute }),
    told({ type: 'quarantine', ...compute }),
    told({ type: 'restore-as-new', vim: 'fake', resource: 'web', snapshotId: 's' }),
    told({
      type: 'switch-over',
      vim: 'fake',
      pairs: [
        { resource: 'web', from: 'a', to: 'b' },
        { resource: 'db', from: 'c', to: 'd' },
      ],
    }),
    told({ type: 'package', file: '/a.zip' }),
    told(cover),
  ]).toEqual([
    'heal stall on web',
    'thaw web@1',
    'end the quarantine of web@1, or keep it as evidence when something stands in for it',
    'release the new web if it is not in place',
    'settle the switch-over of web, db',
    'remove what is unfinished of the package /a.zip',
    'look whether a, b are as before, and restore them if not',
  ]);
});
