import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';
import { revertLocks } from '../oci/file-locks.js';
import { revertGroup, revertsOr } from '../oci/group-revert.js';

const reverts = revertsOr(10);

test.describe.configure({ timeout: 300_000 });

test(
  `four containers with TCP between them are one cut, and their connections live through ${reverts} reverts of all of them`,
  {
    tag: ['@vim:docker', '@OP-revert.tcp-established', '@OP-create.atomic', '@CO-consistent', '@UC-4.3.2.1'],
  },
  ({ dockerHost }) => revertGroup(dockerHost, reverts),
);

test('a peer of another time is told at once that its connection has ended, and connects anew', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host);
  const outside = await s.connect();
  expect(await outside.say('before')).toBe('before');
  const compute = await s.vim.locate(s.subject);
  const { id } = await (await s.vim.snapshots.capture(compute, { name: 'then', type: 'warm' })).store();
  expect(await outside.say('this moves the connection on')).toContain('moves');
  await s.vim.snapshots.revert(compute, id);
  await expect(Promise.race([outside.ended, new Promise((r) => setTimeout(r, 3000, 'still open'))])).resolves.toBe(
    'ended',
  );
  expect(await s.counter()).toBe(0);
});

test(
  'locks on files that were held at the capture are held again after the reversion',
  { tag: ['@vim:docker', '@OP-revert.file-locks'] },
  ({ dockerHost }) => revertLocks(dockerHost),
);
