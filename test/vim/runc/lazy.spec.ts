import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';

test.describe.configure({ timeout: 120_000 });

test('a lazy revert brings memory back when it is touched, says so to who would capture it meanwhile, and brings back all of it', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: { subject: { BALLAST_MIB: '256' } } });
  await using vim = await openVim('runc', { ...s.context, options: { ...s.context.options, lazyRevert: true } });
  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  const { id } = await (await vim.snapshots.capture(compute, { name: 'then', type: 'warm' })).store();
  await s.bump();
  await vim.snapshots.revert(compute, id);
  expect(await s.counter()).toBe(then);
  // All of it may be back already, on a machine that is fast enough.
  const meanwhile = await vim.snapshots.capture(compute, { name: 'meanwhile', type: 'warm' }).then(
    async (captured) => {
      await captured.discard();
      return 'captured';
    },
    (e: Error) => e.message,
  );
  expect(meanwhile).toMatch(/^captured$|still coming back/);
  // The images may go: whoever fetches the pages has them open.
  await vim.snapshots.delete([id]);
  const capture = async () => {
    const captured = await vim.snapshots.capture(compute, { name: 'whole', type: 'warm' });
    return (await captured.store()).memory?.bytes;
  };
  const bytes = await until('all of it is back', () => capture().catch(() => undefined), { withinMs: 60_000 });
  expect(bytes).toBeGreaterThan(256 * 2 ** 20);
  expect(await s.bump()).toBe(then + 1);
});
