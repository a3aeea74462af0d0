import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { artifact } from './fixtures.js';
import { openMachine } from './package-bench.js';

/** Creates, exports, imports, extracts and deletes packages in a folder until it is killed. */
const folder = process.argv[2] as string;
const machine = await openMachine({}, folder);
const packages = machine.packages();
const snapshot = await machine.snapshot();
const out = join(folder, 'out.zip');
process.stdout.write('ready\n');
for (let n = 0; ; n++) {
  const artifacts = [artifact('noise.bin', randomBytes(512 * 1024))];
  const { id } = await packages.create({ vnfSnapshotId: snapshot.id, artifacts });
  await packages.export({ packageId: id, to: out });
  if (n % 2 === 0) await packages.delete(id);
  else await packages.create({ vnfSnapshotId: snapshot.id, artifacts: [] });
  const imported = n % 2 === 0 ? await packages.import({ from: out }) : { id };
  await packages.extract({ packageId: imported.id, vnfSnapshotId: `copy-${process.pid}-${n}` });
  await packages.delete(imported.id);
}
