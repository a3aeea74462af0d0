import { test } from '../../hosts/containers/fixture.js';
import { revertRows } from '../oci/redis-service.js';

test(
  'the rows of Redis and of its replica go back exactly, in memory and on disk, and the replica does not connect anew',
  {
    tag: ['@vim:podman', '@OP-create.atomic', '@OP-revert.tcp-established'],
  },
  ({ podmanHost }) => revertRows(podmanHost),
);
