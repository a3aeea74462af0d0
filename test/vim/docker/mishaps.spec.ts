import type { DockerHost } from '../../hosts/containers/docker-host.js';
import { test } from '../../hosts/containers/fixture.js';
import { mishapSuite } from '../oci/mishap-suite.js';
import { recoverOnceMended } from '../oci/recovered.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:docker';

mishapSuite<DockerHost>(
  { daemon: 'dockerd', run: (host, ...args) => host.docker(...args), unname: ['rmi', '--force'] },
  (title, body) => test(title, { tag }, ({ dockerHost }) => body(dockerHost)),
);

test(
  'a CRIU that breaks in mid-run: the run says that nothing is restored, and `ordeal recover` restores once it is mended',
  {
    tag,
  },
  ({ dockerHost }) => recoverOnceMended(dockerHost),
);
