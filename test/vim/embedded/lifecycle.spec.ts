import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import { sample } from './sample.js';

test('a service runs, answers HTTP, and its VNFCs reach each other', async () => {
  await using s = await sample();
  expect(await s.ask('a', 'echo', 'hello')).toBe('hello');
  expect(await s.ask('a', 'ping/b', 'x')).toBe('pong');
  expect(await s.ask('a', 'resolve/b')).toBe('2');
  expect(await s.ask('a', 'resolve/nobody')).toBe('-1');
  const [log] = await s.vim.logs!.logs(await s.vim.locate('a'));
  expect(await text(await log!.open())).toMatch(/^\d{4}-.*Z info booted with \{\}\n/);
});

test('stop is graceful, start boots afresh, and both may be said twice', async () => {
  await using s = await sample();
  const id = await s.vim.locate('a');
  expect(await s.ask('a', 'count')).toBe('1');
  expect(await s.vim.stop(id)).toBe('graceful');
  expect(await s.vim.stop(id)).toBe('was-off');
  expect((await s.vim.inspect(id)).powerState).toBe('off');
  await expect(s.ask('a', 'count')).rejects.toThrow();
  await s.vim.start(id);
  await s.vim.start(id);
  expect((await s.vim.inspect(id)).powerState).toBe('on');
  await expect.poll(() => s.ask('a', 'count').catch(() => '')).toBe('1');
});

test('a runaway VNFC harms itself alone, and is stopped by force', async () => {
  await using s = await sample();
  const id = await s.vim.locate('a');
  await s.ask('a', 'loop').catch(() => '');
  expect(await s.ask('b', 'echo', 'still here')).toBe('still here');
  expect(await s.vim.stop(id, { graceMs: 200 })).toBe('forced');
});

test('a port in use is named with its connection point, and nothing is left running', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((r) => other.once('listening', r));
  const { port } = other.address() as AddressInfo;
  await using s = await sample({ start: false, names: ['a'], port });
  await expect(s.vim.instantiation!.instantiate(s.service)).rejects.toThrow(
    `Port ${port} of connection point "a.http" is in use`,
  );
  await expect(s.vim.links()).rejects.toMatchObject({ kind: 'vim-unreachable' });
  other.close();
});
