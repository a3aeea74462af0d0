import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { startService } from './gateway-on-vim.js';

test('ballast on the embedded VIM has every byte as it was after a revert to a warm snapshot', async () => {
  await using running = await startService('ballast');
  const { vim, resolve } = running;
  const ask = async (path: string) => {
    const answer = await fetch(`${resolve('ballast-1.public')}${path}`);
    return { status: answer.status, ...((await answer.json()) as { counter: number; checksum: string }) };
  };
  expect(await ask('/verify')).toMatchObject({ status: 200, counter: 1 });
  const compute = await vim.locate('ballast-1');
  await vim.pausing?.pause(compute);
  const captured = await vim.snapshots.capture(compute, { name: 'before', type: 'warm' });
  await vim.pausing?.resume(compute);
  const { id } = await captured.store();
  const first = await ask('/');
  await sleep(500);
  const later = await ask('/');
  expect(later.counter).toBe(3);
  expect(later.checksum, 'it changes all the time').not.toBe(first.checksum);
  await vim.snapshots.revert(compute, id, { state: 'on' });
  expect(await ask('/verify')).toMatchObject({ status: 200, counter: 2 });
});
