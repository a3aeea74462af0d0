import { join } from 'node:path';
import { asError, OrdealError, reasonOf } from '../util/errors.js';
import type { ImportPackageRequest, PackageContext } from './package-context.js';
import type { VnfSnapshotPkgInfo } from './package-info.js';
import { PackageProcedure } from './package-procedure.js';
import { packageFileName } from './package-records.js';
import { giveUp, shelve } from './shelving.js';
import { showPackage } from './show.js';
import { transfer } from './transfer.js';
import { verifyPackage } from './verify.js';

/**
 * 6.7.4: uploads a package into the repository and checks every byte of it. The name and the VNF are the package's own;
 * the id is the repository's.
 */
export async function receivePackage(
  context: PackageContext,
  request: ImportPackageRequest,
  signal?: AbortSignal,
): Promise<VnfSnapshotPkgInfo> {
  const { engine, records } = context;
  const sender = request.sender ?? 'Sender';
  const procedure = new PackageProcedure(engine, 'import', request.from);
  procedure.tell(1, sender, 'VNFM', `import a VNF Snapshot Package from ${request.from}`);
  await procedure.grant('', []);
  const id = records.newId();
  const file = join(context.folder, packageFileName(id));
  using _ = engine.state.leases.take(id, 'its import');
  records.create(id, request.from, { imported: true, importedFrom: request.from });
  try {
    records.enter(id, 'UPLOADING');
    const got = await transfer(request.from, file, signal);
    records.enter(id, 'PROCESSING');
    const { trust, at } = context.options;
    await verifyPackage(file, {
      ...(trust === undefined ? {} : { trust }),
      ...(at === undefined ? {} : { at }),
      ...(signal === undefined ? {} : { signal }),
    });
    const { vnfSnapshot } = await showPackage(file);
    refuseDouble(context, id, got.sha256);
    procedure.tell(4, 'external location', 'VNFM', 'transfer the VNF Snapshot Package files', `${got.bytes} bytes`);
    const info = await shelve(context, id, file, got.sha256);
    procedure.tell(5, 'VNFM', sender, `imported as ${id}`, `VNF ${vnfSnapshot.vnfInstanceId}`);
    return info;
  } catch (e) {
    const reason = signal?.aborted
      ? new OrdealError('interrupted', 'The import was stopped', { cause: e })
      : asError(e);
    await giveUp(context, id, file, reason);
    procedure.tell(5, 'VNFM', sender, 'not imported', reasonOf(reason), 'failed');
    throw reason;
  }
}

function refuseDouble({ records }: PackageContext, id: string, sha256: string): void {
  const other = records.list().find((r) => r.info.id !== id && r.info.checksum?.hash === sha256);
  if (other === undefined) return;
  throw new OrdealError('busy', `This package is in the repository already, as "${other.info.id}"`, {
    remedy: 'Use that one.',
  });
}
