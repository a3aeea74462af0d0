import { test } from '../../hosts/containers/fixture.js';
import type { PodmanHost } from '../../hosts/containers/podman-host.js';
import { mishapSuite } from '../oci/mishap-suite.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:podman';

mishapSuite<PodmanHost>(
  { daemon: 'service of Podman', run: (host, ...args) => host.podman(...args), unname: ['untag'] },
  (title, body) => test(title, { tag }, ({ podmanHost }) => body(podmanHost)),
);
