import type { CreateVnfSnapshotRequest, RevertVnfSnapshotOptions } from '../../harness/snapshot/engine.js';
import { OrdealError } from '../../harness/util/errors.js';
import type { Life } from './life.js';

/** What can be asked of a life, as plain data, so that it can be asked of another process as well. */
export type Operation =
  | { readonly do: 'create'; readonly requests: readonly CreateVnfSnapshotRequest[] }
  | { readonly do: 'revert'; readonly id: string; readonly options: RevertVnfSnapshotOptions }
  | { readonly do: 'delete'; readonly id: string; readonly consolidate: boolean }
  | { readonly do: 'rename'; readonly id: string; readonly name: string }
  | { readonly do: 'package'; readonly vnfSnapshotId: string }
  | { readonly do: 'export'; readonly packageId: string; readonly to: string }
  | { readonly do: 'import'; readonly from: string; readonly isDouble: boolean }
  | { readonly do: 'extract'; readonly packageId: string; readonly vnfSnapshotId: string }
  | { readonly do: 'unpackage'; readonly packageId: string };

/** @returns how many bytes were exported; of others nothing */
export async function perform({ engine, packages }: Life, it: Operation): Promise<number | undefined> {
  switch (it.do) {
    case 'create':
      await engine.createTogether(it.requests);
      return undefined;
    case 'revert':
      await engine.revert(it.id, it.options);
      return undefined;
    case 'delete':
      await engine.delete([it.id], { consolidate: it.consolidate });
      return undefined;
    case 'rename':
      engine.update(it.id, { name: it.name });
      return undefined;
    case 'package':
      await packages.create({ vnfSnapshotId: it.vnfSnapshotId });
      return undefined;
    case 'export':
      return (await packages.export({ packageId: it.packageId, to: it.to })).bytes;
    case 'import':
      try {
        await packages.import({ from: it.from });
      } catch (e) {
        if (!(e instanceof OrdealError) || e.kind !== 'busy' || !it.isDouble) throw e;
      }
      return undefined;
    case 'extract':
      await packages.extract({ packageId: it.packageId, vnfSnapshotId: it.vnfSnapshotId });
      return undefined;
    case 'unpackage':
      await packages.delete(it.packageId);
      return undefined;
  }
}
