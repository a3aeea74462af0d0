import { test } from '../../hosts/containers/fixture.js';
import type { PodmanHost } from '../../hosts/containers/podman-host.js';
import { mishapSuite } from '../oci/mishap-suite.js';
import { deleteUnderFault } from '../oci/recovered.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:podman';

mishapSuite<PodmanHost>(
  { daemon: 'service of Podman', run: (host, ...args) => host.podman(...args), unname: ['untag'] },
  (title, body) => test(title, { tag }, ({ podmanHost }) => body(podmanHost)),
);

test(
  'a failed container that is deleted in mid-run, with its image: the service is restored, and the run says that there is no evidence',
  { tag },
  ({ podmanHost }) => deleteUnderFault(podmanHost, () => podmanHost.podman('rmi', '--force', 'ordeal/vnfc:test')),
);
