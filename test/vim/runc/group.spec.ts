import { test } from '../../hosts/containers/fixture.js';
import { revertLocks } from '../oci/file-locks.js';
import { revertGroup, revertsOr } from '../oci/group-revert.js';

const reverts = revertsOr(5);

test(
  `four containers with TCP between them are one cut, and their connections live through ${reverts} reverts of all of them`,
  {
    tag: ['@vim:runc', '@OP-revert.tcp-established', '@OP-create.atomic', '@CO-consistent', '@UC-4.3.2.1'],
  },
  ({ runcHost }) => revertGroup(runcHost, reverts),
);

test(
  'locks on files that were held at the capture are held again after the reversion',
  { tag: ['@vim:runc', '@OP-revert.file-locks'] },
  ({ runcHost }) => revertLocks(runcHost),
);
