import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from '@playwright/test';
import { test } from './fixtures.js';

/**
 * A real file system that is really full: a small tmpfs in a mount namespace of its own (as root, or as a user in a user
 * namespace); where a host forbids both, a limit on the size of a file, which the kernel enforces at the same call.
 */
const ways: readonly { name: string; shell: (command: string) => string[] }[] = [
  {
    name: 'a tmpfs of 1 MiB in a mount namespace',
    shell: (c) => ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=1m none "$DIR" && ${c}`],
  },
  {
    name: 'a tmpfs of 1 MiB in a user namespace',
    shell: (c) => ['unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o size=1m none "$DIR" && ${c}`],
  },
  { name: 'ulimit -f', shell: (c) => ['sh', '-c', `ulimit -f 1024 && ${c}`] },
];

const helper = fileURLToPath(new URL('./disk-full-helper.js', import.meta.url));

test('a full disk leaves the previous package and nothing beside it', async ({ folder }, info) => {
  const env = { ...process.env, DIR: folder };
  const way = ways.find(({ shell }) => {
    const [command = '', ...args] = shell('true');
    return spawnSync(command, args, { env }).status === 0;
  });
  test.skip(way === undefined, 'this host allows neither a mount namespace nor a user namespace nor ulimit');
  const [command = '', ...args] = way?.shell(`exec "${process.execPath}" "${helper}" "$DIR"`) ?? [];
  const { stdout, stderr, status } = spawnSync(command, args, { env, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  info.annotations.push({ type: 'measured', description: `by ${way?.name}` });
  expect(JSON.parse(stdout)).toEqual({
    kind: 'no-space',
    message: expect.stringMatching(/out\.zip: No space is left to write.*nothing half-written was kept/),
    files: ['out.zip'],
    previous: 'previous',
    again: true,
  });
});
