import type { DockerHost } from '../../hosts/containers/docker-host.js';
import { test } from '../../hosts/containers/fixture.js';
import { mishapSuite } from '../oci/mishap-suite.js';
import {
  deleteImageUnderFault,
  killDaemonUnderFault,
  killDaemonUnderSnapshot,
  recoverOnceMended,
} from '../oci/recovered.js';

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

test(
  'a dockerd that is killed in mid-fault: the run says that nothing is restored, and `ordeal recover` restores once it is back',
  { tag },
  ({ dockerHost }) => killDaemonUnderFault(dockerHost),
);

test(
  'a dockerd that is killed in mid-snapshot: the run injects nothing, and `ordeal recover` ends it once dockerd is back',
  { tag },
  ({ dockerHost }) => killDaemonUnderSnapshot(dockerHost),
);

test(
  'an image that is deleted in mid-run is made anew from the archive in the descriptor, and the service is restored',
  { tag },
  ({ dockerHost }) => deleteImageUnderFault(dockerHost, () => dockerHost.docker('rmi', '--force', 'ordeal/vnfc:test')),
);
