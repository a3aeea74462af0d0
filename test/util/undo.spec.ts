import { expect, test } from '@playwright/test';
import { ManyErrors } from '../../harness/util/errors.js';
import { Undo } from '../../harness/util/undo.js';

const failing = (what: string) => () => Promise.reject(new Error(what));

test('what was deferred is undone in reverse, once', async () => {
  const undo = new Undo();
  const done: string[] = [];
  for (const what of ['a', 'b', 'c']) undo.defer(what, async () => void done.push(what));
  expect(await undo.unwind()).toEqual([]);
  expect(done).toEqual(['c', 'b', 'a']);
  expect(await undo.unwind()).toEqual([]);
  expect(done).toHaveLength(3);
});

test('an undo that fails does not keep the others from being tried, and each failure says what it was', async () => {
  const undo = new Undo();
  const done: string[] = [];
  undo.defer('the first', () => void done.push('first'));
  undo.defer('the second', failing('no'));
  undo.defer('the third', () => {
    throw new Error('never');
  });
  const failures = await undo.unwind();
  expect(failures.map((e) => e.message)).toEqual(['the third: never', 'the second: no']);
  expect((failures[1]?.cause as Error | undefined)?.message).toBe('no');
  expect(done).toEqual(['first']);
});

test('what is kept is not undone', async () => {
  const done: string[] = [];
  {
    await using undo = new Undo();
    undo.defer('a', () => void done.push('a'));
    undo.keep();
  }
  expect(done).toEqual([]);
});

test('leaving undoes, and tells what could not be undone', async () => {
  const leave = async () => {
    await using undo = new Undo();
    undo.defer('one', failing('stuck'));
    undo.defer('two', () => undefined);
  };
  const failure = await leave().catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(ManyErrors);
  expect(failure).toMatchObject({
    kind: 'internal',
    message: expect.stringMatching(/^Not everything could be undone.*one: stuck/s),
  });
});
