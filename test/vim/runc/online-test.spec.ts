import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../../hosts/containers/fixture.js';
import { provenRows, runOnlineTesting } from '../oci/online-test.js';

test.describe.configure({ timeout: 240_000 });

test('the loop of `ordeal run` on containers of runc: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:runc', '@SYS-runc', ...provenRows],
}, async ({ runcHost: host }) => {
  await runOnlineTesting(host);
  const engine = join(host.folder, 'ordeal', 'engine');
  for (const kind of ['containers', 'volumes', 'networks']) expect(await readdir(join(engine, kind)), kind).toEqual([]);
  const { namespaces } = host.machine;
  expect(await namespaces.run('nft', 'list', 'tables')).not.toContain('ordeal_');
  expect(await namespaces.run('ip', 'netns', 'list')).toBe('');
  expect(await namespaces.run('findmnt', '--noheadings', '--types', 'overlay', '--output', 'TARGET')).not.toContain(
    engine,
  );
});
