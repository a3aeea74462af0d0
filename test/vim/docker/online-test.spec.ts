import Docker from 'dockerode';
import { expect, test } from '../../hosts/containers/fixture.js';
import { provenRows, runOnlineTesting } from '../oci/online-test.js';

test.describe.configure({ timeout: 240_000 });

test('the loop of `ordeal run` on real containers: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:docker', '@SYS-docker', ...provenRows],
}, async ({ dockerHost: host }) => {
  await runOnlineTesting(host);
  const docker = new Docker({ socketPath: host.daemon.socket });
  const left = await docker.listContainers({
    all: true,
    filters: { label: ['org.ordeal.service=session-containers'] },
  });
  expect(left.map((c) => c.Names)).toEqual([]);
  const { Volumes } = await docker.listVolumes();
  expect((Volumes ?? []).map((v) => v.Name).filter((name) => name.startsWith('store-1'))).toEqual([]);
  expect(await host.machine.namespaces.run('nft', 'list', 'tables')).not.toContain('ordeal_');
});
