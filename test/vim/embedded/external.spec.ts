import { createSocket } from 'node:dgram';
import { expect, test } from '@playwright/test';
import { sample } from './sample.js';

test('a request arrives as its method, path, headers and body, and the answer is taken apart the same way', async () => {
  await using s = await sample({ names: ['a'] });
  const base = await s.url('a');
  const answer = await fetch(`${base}/message/x?q=1`, {
    method: 'PUT',
    headers: { 'X-Test': 'ä' },
    body: 'line 1\n\nline 2',
  });
  const got = await answer.text();
  expect(got).toMatch(/^PUT \/message\/x\?q=1\n/);
  expect(got).toContain('x-test: ');
  expect(got).toMatch(/\n\nline 1\n\nline 2$/);
  expect(answer.headers.get('content-type')).toBe('text/plain');
  expect((await fetch(`${base}/status/418`)).status).toBe(418);
  const nonsense = await fetch(`${base}/nonsense`);
  expect(nonsense.status).toBe(502);
  expect((await fetch(`${base}/echo`, { method: 'POST', body: 'x'.repeat(1 << 20) })).status).toBe(200);
  expect(
    (await fetch(`${base}/echo`, { method: 'POST', body: 'x'.repeat(9 << 20) }).catch(() => ({ status: 413 }))).status,
  ).toBe(413);
});

test('UDP goes both ways, and each peer gets its own answer', async () => {
  await using s = await sample({ names: ['a'] });
  const state = await s.vim.inspect(await s.vim.locate('a'));
  const { port } = new URL(state.connectionPoints.find((cp) => cp.id === 'udp')!.address.replace('udp:', 'http:'));
  const peers = ['one', 'two'].map((text) => {
    const socket = createSocket('udp4');
    const answer = new Promise<string>((resolve) => socket.once('message', (m) => resolve(m.toString())));
    socket.send(text, Number(port), '127.0.0.1');
    return answer.finally(() => socket.close());
  });
  expect(await Promise.all(peers)).toEqual(['echo one', 'echo two']);
});

test('the port refuses connections while the VNFC is down, and is the same one afterwards', async () => {
  await using s = await sample({ names: ['a'], deployment: { respawnMs: 100 } });
  const base = await s.url('a');
  expect((await s.vim.inspect(await s.vim.locate('a'))).connectionPoints[0]).toMatchObject({ up: true });
  await fetch(`${base}/trap`).catch(() => undefined);
  await expect(fetch(`${base}/counter`)).rejects.toThrow();
  await expect.poll(() => s.ask('a', 'counter').catch(() => '')).toBe('0');
  expect(await s.url('a')).toBe(base);
  await s.vim.stop(await s.vim.locate('a'));
  await expect(fetch(`${base}/counter`)).rejects.toThrow();
  expect((await s.vim.inspect(await s.vim.locate('a'))).connectionPoints[0]).toMatchObject({ up: false });
});

test('what came in after the snapshot is turned away by the revert; an answer from before it reaches nobody', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  const record = await (await s.vim.snapshots.capture(a, { name: 's', type: 'warm' })).store();
  const waiting = fetch(`${await s.url('a')}/silent`);
  await s.ask('a', 'counter');
  await s.vim.snapshots.revert(a, record.id);
  expect((await waiting).status).toBe(503);
  expect(await s.ask('a', 'counter')).toBe('0');
});
