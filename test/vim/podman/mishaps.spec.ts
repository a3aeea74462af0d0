import { test } from '../../hosts/containers/fixture.js';
import type { PodmanHost } from '../../hosts/containers/podman-host.js';
import { mishapSuite } from '../oci/mishap-suite.js';
import { switchWithoutAnything } from '../oci/mishaps.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:podman';

mishapSuite<PodmanHost>(
  { daemon: 'service of Podman', run: (host, ...args) => host.podman(...args), unname: ['untag'] },
  (title, body) => test(title, { tag }, ({ podmanHost }) => body(podmanHost)),
);

test(
  'an image that is deleted, and the failed container with it, is made anew from the archive in the descriptor; without one that is said',
  { tag },
  ({ podmanHost }) => switchWithoutAnything(podmanHost, () => podmanHost.podman('rmi', '--force', 'ordeal/vnfc:test')),
);
