import { test } from '../../hosts/containers/fixture.js';
import { revertLocks } from '../oci/file-locks.js';
import { revertGroup, revertsOr } from '../oci/group-revert.js';

const reverts = revertsOr(3);

test(
  `four containers with TCP between them are one cut, and their connections live through ${reverts} reverts of all of them`,
  {
    tag: ['@vim:podman', '@OP-revert.tcp-established', '@OP-create.atomic', '@CO-consistent', '@UC-4.3.2.1'],
  },
  ({ podmanHost }) => revertGroup(podmanHost, reverts),
);

test(
  'locks on files that were held at the capture are held again after the reversion',
  { tag: ['@vim:podman', '@OP-revert.file-locks'] },
  ({ podmanHost }) => revertLocks(podmanHost),
);
