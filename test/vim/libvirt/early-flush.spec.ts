import { appendFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { sleep } from '../../../harness/util/deadline.js';
import { flushEarly } from '../../../harness/vim/libvirt/early-flush.js';

test('the flush waits for a file that is not there yet, goes on while it is written, and ends with the writing', async ({}, info) => {
  const file = info.outputPath('memory.save');
  let isWritten = false;
  const written = (async () => {
    await sleep(60);
    await writeFile(file, 'some');
    await sleep(60);
    await appendFile(file, ' and more');
    isWritten = true;
  })();
  await flushEarly(file, written);
  expect(isWritten, 'not before').toBe(true);
});

test('the flush ends when the writing fails, and when nothing was ever written', async ({}, info) => {
  const failed = sleep(30).then(() => {
    throw new Error('no space');
  });
  await flushEarly(info.outputPath('never'), failed);
  await expect(failed).rejects.toThrow('no space');
});

test('a file that may not be read is told', async ({}, info) => {
  await expect(flushEarly(info.outputPath(), sleep(20))).resolves.toBeUndefined();
  await expect(flushEarly(`${info.outputPath('x')}\0`, sleep(20))).rejects.toThrow();
});
