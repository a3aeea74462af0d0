import type { DockerHost } from '../../hosts/containers/docker-host.js';
import { test } from '../../hosts/containers/fixture.js';
import { mishapSuite } from '../oci/mishap-suite.js';
import {
  deleteUnderFault,
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
  'a failed container that is deleted in mid-run, with its image: the service is restored, and the run says that there is no evidence',
  { tag },
  ({ dockerHost }) =>
    deleteUnderFault(dockerHost, async (failed) => {
      await dockerHost.docker('rm', '--force', failed);
      await dockerHost.docker('rmi', '--force', 'ordeal/vnfc:test');
    }),
);
