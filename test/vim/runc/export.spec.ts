import { test } from '../../hosts/containers/fixture.js';
import { readExported } from '../oci/checkpoint-archive.js';

test.describe.configure({ timeout: 120_000 });

test(
  'checkpointctl reads an exported snapshot, and an imported one brings back what was changed and deleted in the layer',
  {
    tag: ['@vim:runc', '@OP-export.image-files', '@OP-import.image-files'],
  },
  ({ runcHost }) => readExported(runcHost),
);
