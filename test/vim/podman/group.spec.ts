import { test } from '../../hosts/containers/fixture.js';
import { revertGroup, revertsOr } from '../oci/group-revert.js';

const reverts = revertsOr(3);

test(
  `four containers with TCP between them are one cut, and their connections live through ${reverts} reverts of all of them`,
  {
    tag: ['@vim:podman', '@OP-revert.tcp-established', '@OP-create.atomic', '@CO-consistent', '@UC-4.3.2.1'],
  },
  ({ podmanHost }) => revertGroup(podmanHost, reverts),
);
