import { expect, test } from '@playwright/test';
import { asError, OrdealError } from '../../harness/util/errors.js';
import { Undo } from '../../harness/util/undo.js';

test('a failure keeps its kind and its words when the clean-up after it fails too, and both are told', async () => {
  const work = async () => {
    await using undo = new Undo();
    undo.defer('thaw the VNFC', () => {
      throw new Error('nobody answers');
    });
    throw new OrdealError('vim-unreachable', 'The daemon does not answer');
  };
  const e = asError(await work().catch((thrown: unknown) => thrown));
  expect(e).toMatchObject({ name: 'OrdealError', kind: 'vim-unreachable' });
  expect(e.message).toContain('The daemon does not answer');
  expect(e.message).toContain('thaw the VNFC: nobody answers');
});

test('a failure whose clean-up went well is itself', () => {
  const e = new Error('as it was');
  expect(asError(e)).toBe(e);
});
