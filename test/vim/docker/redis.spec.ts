import { test } from '../../hosts/containers/fixture.js';
import { runScenarios } from '../oci/online-test.js';
import { revertRows } from '../oci/redis-service.js';

test.describe.configure({ timeout: 240_000 });

test(
  'the rows of Redis and of its replica go back exactly, in memory and on disk, and the replica does not connect anew',
  {
    tag: ['@vim:docker', '@OP-create.atomic', '@OP-revert.tcp-established'],
  },
  ({ dockerHost }) => revertRows(dockerHost),
);

test(
  'the features of the containers, unchanged, on HAProxy, webdis and Redis: one fault is survived, one is restored from',
  {
    tag: ['@vim:docker', '@UC-4.1.1.4', '@UC-4.1.1.7'],
  },
  ({ dockerHost }) => runScenarios(dockerHost, 'session-redis'),
);
