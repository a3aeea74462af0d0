import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { EngineContext } from '../snapshot/context.js';
import { DirectAccess, NfvoRelay } from '../snapshot/nfvo-relay.js';
import { selectAttributes } from '../store/attribute-filter.js';
import { OrdealError } from '../util/errors.js';
import { createPackage } from './creation.js';
import { extractIntoVims } from './extraction.js';
import type {
  CreatePackageRequest,
  ExportPackageRequest,
  ExtractPackageRequest,
  ImportPackageRequest,
  PackageContext,
  PackageManagementOptions,
  QueryPackagesRequest,
} from './package-context.js';
import type { VnfSnapshotPkgInfo } from './package-info.js';
import { PackageProcedure } from './package-procedure.js';
import { PackageRecords } from './package-records.js';
import { receivePackage } from './reception.js';
import { Shelf } from './shelf.js';
import { transfer } from './transfer.js';
import { type PackageReport, verifyPackage } from './verify.js';

/**
 * The VNFM's VNF Snapshot Package management (Vnfm.005 to .007, .009) over the package repository: clauses 6.6 and 6.7.
 * Every operation asks for a grant where the policy wants one, and tells its steps with the figures' numbers.
 */
export class PackageManagement {
  readonly #context: PackageContext;

  constructor(engine: EngineContext, options: PackageManagementOptions = {}) {
    const shelf = new Shelf(() => engine.state.chunks());
    this.#context = {
      engine,
      options,
      access: engine.mode === 'indirect' ? (engine.relay ?? new NfvoRelay(engine.vims)) : new DirectAccess(engine.vims),
      shelf,
      records: new PackageRecords(engine.state, shelf, engine.now),
      folder: join(engine.state.folder, 'packages'),
    };
  }

  /** Builds a package of a VNF Snapshot into the repository. Source: 6.7.1 with 6.6.1 or 6.6.2 for every VNFC. */
  async create(request: CreatePackageRequest, signal?: AbortSignal): Promise<VnfSnapshotPkgInfo> {
    await this.recover();
    return createPackage(this.#context, request, 'create', signal);
  }

  /** A VNFC Snapshot Package: of one VNFC alone, decided by the VNFM. Source: 6.6.1, 6.6.2. */
  async createVnfc(
    request: Omit<CreatePackageRequest, 'vnfcIds'> & { readonly vnfcId: string },
    signal?: AbortSignal,
  ): Promise<VnfSnapshotPkgInfo> {
    await this.recover();
    return createPackage(this.#context, { ...request, vnfcIds: [request.vnfcId] }, 'createVnfc', signal);
  }

  /**
   * Puts the VNFC Snapshots of a package into the VIMs, and the VNF Snapshot into the repository, so that a VNF can be
   * reverted to it or started from it, on this machine or another. Source: 6.7.2 with 6.6.3 or 6.6.4 for every VNFC
   * (the report refers to 6.6.2 there, which is about creation).
   */
  async extract(request: ExtractPackageRequest, signal?: AbortSignal): Promise<VnfSnapshot> {
    await this.recover();
    return extractIntoVims(this.#context, request, signal);
  }

  /** Source: 6.7.4. @returns the record, AVAILABLE @throws what was wrong; the record then says ERROR and why */
  async import(request: ImportPackageRequest, signal?: AbortSignal): Promise<VnfSnapshotPkgInfo> {
    await this.recover();
    return receivePackage(this.#context, request, signal);
  }

  /** Source: 6.7.3. */
  async export(
    request: ExportPackageRequest,
    signal?: AbortSignal,
  ): Promise<{ to: string; sha256: string; bytes: number }> {
    const { engine, records, shelf } = this.#context;
    const sender = request.sender ?? 'Sender';
    const procedure = new PackageProcedure(engine, 'export', request.packageId);
    procedure.tell(1, sender, 'VNFM', `export VNF Snapshot Package ${request.packageId} to ${request.to}`);
    const { info, vnf, vnfcIds } = records.available(request.packageId);
    await procedure.grant(vnf, vnfcIds);
    using _ = engine.state.leases.take(info.id, 'an export');
    await using content = await shelf.open(info.id);
    const sent = await transfer(content, request.to, signal);
    if (info.checksum !== undefined && sent.sha256 !== info.checksum.hash) {
      if (!/^https?:/.test(request.to)) await rm(request.to, { force: true });
      throw new OrdealError('package-tampered', `Package "${info.id}" is not what the repository says`, {
        where: content.name,
        expected: `SHA-256 ${info.checksum.hash}`,
        got: sent.sha256,
        remedy: 'It was damaged where it lies; do not use it.',
      });
    }
    procedure.tell(4, 'VNFM', 'external location', 'transfer the VNF Snapshot Package files', `${sent.bytes} bytes`);
    procedure.tell(5, 'VNFM', sender, 'exported');
    return { to: request.to, ...sent };
  }

  /** Source: 6.7.5. @returns the selected attributes of what matches, the newest first */
  async query(request: QueryPackagesRequest = {}): Promise<unknown[]> {
    const { engine, records } = this.#context;
    const sender = request.sender ?? 'Sender';
    const procedure = new PackageProcedure(engine, 'query', 'packages');
    procedure.tell(1, sender, 'VNFM', 'query VNF Snapshot Package information');
    const found = records.list(request.filter);
    const vnfs = [...new Set(found.map((f) => f.vnf))];
    if (vnfs.length === 0) await procedure.grant('', [], 'there is nothing to ask about');
    for (const vnf of vnfs) await procedure.grant(vnf, []);
    procedure.tell(4, 'VNFM', 'VNF Snapshot Package repository', 'get the packages that satisfy the filter');
    procedure.tell(5, 'VNFM', sender, 'package information', `${found.length} packages`);
    return found.map(({ info }) => selectAttributes(info, request));
  }

  /** Source: 6.7.6. @throws OrdealError of kind snapshot-missing, snapshot-in-use, busy; then nothing was deleted */
  async delete(packageId: string, { sender = 'Sender' }: { sender?: string } = {}): Promise<void> {
    await this.recover();
    const { engine, records } = this.#context;
    const procedure = new PackageProcedure(engine, 'delete', packageId);
    procedure.tell(1, sender, 'VNFM', `delete VNF Snapshot Package ${packageId}`);
    const { vnf, vnfcIds } = records.show(packageId);
    await procedure.grant(vnf, vnfcIds);
    await records.delete(packageId);
    procedure.tell(4, 'VNFM', 'VNF Snapshot Package repository', 'delete the VNF Snapshot Package');
    procedure.tell(5, 'VNFM', sender, 'deleted');
  }

  /** Reads the content of a package of the repository and checks every hash in it, and its own. */
  async verify(packageId: string, signal?: AbortSignal): Promise<PackageReport> {
    const { engine, records, shelf, options } = this.#context;
    const { info } = records.available(packageId);
    using _ = engine.state.leases.take(info.id, 'its verification');
    const { trust, at } = options;
    return verifyPackage(
      { open: () => shelf.open(info.id) },
      {
        ...(info.checksum === undefined ? {} : { sha256: info.checksum.hash }),
        ...(trust === undefined ? {} : { trust }),
        ...(at === undefined ? {} : { at }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
  }

  /** What processes that have died left in the middle becomes ERROR, and their files are removed. @returns what was done */
  recover(): Promise<string[]> {
    return this.#context.records.recover(this.#context.folder);
  }
}
