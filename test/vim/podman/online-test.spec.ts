import Docker from 'dockerode';
import { expect, test } from '../../hosts/containers/fixture.js';
import { provenRows, runOnlineTesting } from '../oci/online-test.js';

test.describe.configure({ timeout: 240_000 });

test('the loop of `ordeal run` on containers of Podman: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:podman', ...provenRows],
}, async ({ podmanHost: host }) => {
  await runOnlineTesting(host);
  const podman = new Docker({ socketPath: host.daemon.socket });
  const filters = { label: ['org.ordeal.service=session-containers'] };
  expect((await podman.listContainers({ all: true, filters })).map((c) => c.Names)).toEqual([]);
  expect((await podman.listVolumes()).Volumes?.map((v) => v.Name) ?? []).toEqual([]);
  expect(await host.machine.namespaces.run('nft', 'list', 'tables')).not.toContain('ordeal_');
});
