import { basename } from 'node:path/posix';
import { z } from 'zod';
import { vnf as vnfDescriptor } from '../model/network-service.js';
import {
  type InstanceSnapshot,
  instanceSnapshot,
  type VnfcSnapshotInfo,
  type VnfSnapshot,
  vnfSnapshot,
} from '../model/snapshot.js';
import type { SnapshotImage } from '../model/vim.js';
import type { StoredVnfd } from '../snapshot/stored-vnfd.js';
import { asError, ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { parseValidated } from '../util/validate.js';
import { descriptorPath } from './creation.js';
import { imagePath, layout } from './layout.js';
import type { ExtractPackageRequest, PackageContext } from './package-context.js';
import type { SnapshotImageInfo } from './package-info.js';
import { PackageProcedure } from './package-procedure.js';
import { PackageReader } from './package-reader.js';
import { PlainContent } from './plain-content.js';
import { checkSignature } from './verify.js';

/**
 * 6.7.2. All or nothing: when an image is not what the manifest says, or a VIM fails, what the VIMs were given is taken
 * back. Should the process die, the snapshot engine's recovery takes it back, by the operation's id.
 */
export async function extractIntoVims(
  context: PackageContext,
  request: ExtractPackageRequest,
  signal?: AbortSignal,
): Promise<VnfSnapshot> {
  const { engine, records, shelf } = context;
  const sender = request.sender ?? 'Sender';
  const procedure = new PackageProcedure(engine, 'extract', request.packageId);
  procedure.tell(1, sender, 'VNFM', `extract VNF Snapshot Package ${request.packageId}`);
  const { info, vnf, vnfcIds } = records.available(request.packageId);
  await procedure.grant(vnf, vnfcIds);
  await using reader = await PackageReader.open({ open: () => shelf.open(info.id) });
  await checkSignature(reader, context.options);
  const content = await PlainContent.of(reader, context.options.identities);
  const snapshot = await reader.record(layout.record, vnfSnapshot);
  using _ = engine.state.leases.take(info.id, 'its extraction');
  records.enter(info.id, 'EXTRACTING');
  const undo = new Undo();
  try {
    procedure.tell(4, 'VNF Snapshot Package repository', 'VNFM', 'download the VNF Snapshot Package');
    const extracted = await new Extraction(context, content, request, procedure, undo, signal).run(snapshot);
    undo.keep();
    records.enter(info.id, 'AVAILABLE');
    procedure.tell(7, 'VNFM', sender, `extracted as VNF Snapshot ${extracted.id}`);
    return extracted;
  } catch (e) {
    const cause = signal?.aborted
      ? new OrdealError('interrupted', 'The extraction was stopped', { cause: e })
      : asError(e);
    const failures = await undo.unwind();
    records.fail(info.id, cause);
    procedure.tell(7, 'VNFM', sender, 'not extracted', reasonOf(cause), 'failed');
    if (failures.length === 0) throw cause;
    throw new ManyErrors('vim-failed', 'The extraction failed, and not everything could be taken back', [
      cause,
      ...failures,
    ]);
  }
}

class Extraction {
  constructor(
    readonly context: PackageContext,
    readonly content: PlainContent,
    readonly request: ExtractPackageRequest,
    readonly procedure: PackageProcedure,
    readonly undo: Undo,
    readonly signal: AbortSignal | undefined,
  ) {}

  async run(snapshot: VnfSnapshot): Promise<VnfSnapshot> {
    const { engine } = this.context;
    const { state, service } = engine;
    const id = this.request.vnfSnapshotId ?? snapshot.id;
    if (state.vnfSnapshots.availability(id) !== undefined) {
      throw new OrdealError('busy', `VNF Snapshot "${id}" is in the repository already`, {
        remedy: 'Delete it first, or give the extracted one an id of its own.',
      });
    }
    const images = this.content.info?.vnfcSnapshotImages ?? [];
    const wanted = this.#wanted(snapshot, images);
    const descriptor = await this.#descriptor();
    const vnfs = [snapshot.vnfInstanceId];
    const operation = state.operations.begin('package extraction', service.descriptor.id, vnfs, service.file);
    this.undo.defer('end the operation', () => operation.end('ROLLED_BACK', 'the extraction failed'));
    const record: VnfSnapshot = {
      ...snapshot,
      id,
      vnfcSnapshots: [],
      userDefinedData: { ...snapshot.userDefinedData, service: service.descriptor.id },
    };
    this.undo.defer(`forget VNF Snapshot ${id}`, () => state.vnfSnapshots.remove(id));
    const vnfd = descriptor === undefined ? undefined : { descriptor, files: await this.#vnfd() };
    state.vnfSnapshots.begin(record, vnfd);
    operation.enter('PROCESSING');
    this.procedure.tell(5, 'VNFM', 'VNFM', 'store the VNFC Snapshot Packages and the metadata of the VNF Snapshot');
    const vnfcSnapshots: VnfcSnapshotInfo[] = [];
    for (const vnfc of wanted) {
      this.signal?.throwIfAborted();
      vnfcSnapshots.push(await this.#extractVnfc(vnfc, images, operation.id));
    }
    const excluded = snapshot.vnfcSnapshots
      .filter((s) => !wanted.includes(s))
      .map((s) => ({ vnfcId: s.vnfcInstanceId, reason: 'not extracted from the package' }));
    const whole: VnfSnapshot = {
      ...record,
      vnfcSnapshots,
      userDefinedData: { ...record.userDefinedData, excluded: [...record.userDefinedData.excluded, ...excluded] },
    };
    state.vnfSnapshots.complete([whole]);
    operation.end('COMPLETED');
    return whole;
  }

  /** The VNF's part of the service descriptor, as it was when the snapshot was taken. */
  async #descriptor(): Promise<unknown> {
    const path = this.content.find(descriptorPath);
    if (path === undefined) return undefined;
    const bytes = await this.content.bytesOf(path);
    return parseValidated(
      bytes.toString('utf8'),
      `${this.content.reader.file}#${path}`,
      vnfDescriptor,
      'package-invalid',
    );
  }

  /** The VNFD itself, byte for byte as it is in the package. */
  async #vnfd(): Promise<StoredVnfd['files']> {
    const path = this.content.info?.vnfdInfo?.vnfdPath;
    if (path === undefined || this.content.find(path) === undefined) return [];
    return [{ path: basename(path), base64: (await this.content.bytesOf(path)).toString('base64') }];
  }

  /** A selective package holds fewer VNFCs than the snapshot that it was made of. */
  #wanted(snapshot: VnfSnapshot, images: readonly SnapshotImageInfo[]): VnfcSnapshotInfo[] {
    const packed = new Set(images.map((i) => i.vnfcInstanceId));
    const { vnfcIds } = this.request;
    const lost = (vnfcIds ?? []).filter((id) => !packed.has(id));
    if (lost.length > 0) {
      throw new OrdealError('unknown-target', `The package does not hold VNFC "${lost.join('", "')}"`, {
        where: this.content.reader.file,
        expected: `one of ${[...packed].join(', ')}`,
      });
    }
    return snapshot.vnfcSnapshots.filter(
      (s) => packed.has(s.vnfcInstanceId) && (vnfcIds?.includes(s.vnfcInstanceId) ?? true),
    );
  }

  /** 6.6.3 or 6.6.4. */
  async #extractVnfc(
    snapshot: VnfcSnapshotInfo,
    images: readonly SnapshotImageInfo[],
    operationId: string,
  ): Promise<VnfcSnapshotInfo> {
    const vnfcId = snapshot.vnfcInstanceId;
    const procedure = new PackageProcedure(this.context.engine, 'extractVnfc', vnfcId);
    this.procedure.tell(6, 'VNFM', 'VNFM', `extract the VNFC Snapshot Package of ${vnfcId}`, procedure.clause);
    procedure.tell(1, 'VNFM', 'VNFM', `extract the VNFC Snapshot Package of ${vnfcId}`);
    await procedure.grant('', [vnfcId], 'granted with the VNF Snapshot Package');
    const vim = this.#vimOf(snapshot);
    const record = await this.content.reader.record(imagePath(vnfcId, layout.vnfcRecord), instanceSnapshot);
    const what = `retrieve the VNFC Snapshot Package of ${vnfcId}`;
    procedure.request(what);
    this.undo.defer(`delete the snapshot of ${vnfcId} from VIM ${vim}`, () =>
      this.#deleteFrom(vim, vnfcId, operationId),
    );
    let imported: InstanceSnapshot;
    try {
      imported = await this.context.access.call(vim, what, async ({ snapshots }) => {
        const metadata = { ...record.metadata, 'ordeal.operationId': operationId };
        const mine = images.filter((i) => i.vnfcInstanceId === vnfcId).map((i) => this.#image(i));
        return snapshots.importImages({ ...record, metadata }, mine);
      });
    } catch (e) {
      procedure.response(`the state of ${vnfcId} was not taken`, 'failed', reasonOf(e));
      throw e;
    }
    procedure.response(`the state of ${vnfcId} is there`);
    return {
      ...snapshot,
      computeSnapshotResource: { vimConnectionId: vim, resourceId: imported.id },
      userDefinedData: { ...snapshot.userDefinedData, location: imported.location },
    };
  }

  /** By the operation's id, as the VIM may have taken one whose answer was lost. */
  #deleteFrom(vim: string, vnfcId: string, operationId: string): Promise<void> {
    return this.context.access.call(vim, `delete the snapshot of ${vnfcId}`, async ({ snapshots }) => {
      const ours = (await snapshots.list()).filter((s) => s.metadata['ordeal.operationId'] === operationId);
      if (ours.length > 0) await snapshots.delete(ours.map((s) => s.id));
    });
  }

  /** The VIM that the VNFC is on here, or the one of that name. */
  #vimOf(snapshot: VnfcSnapshotInfo): string {
    const { service, vims } = this.context.engine;
    const here = service.descriptor.vnfs.flatMap((v) => v.vnfcs).find((c) => c.id === snapshot.vnfcInstanceId);
    const named = snapshot.computeSnapshotResource?.vimConnectionId ?? '';
    const vim = here?.vim ?? named;
    if (vims.has(vim)) return vim;
    throw new OrdealError('unknown-target', `There is no VIM for VNFC "${snapshot.vnfcInstanceId}"`, {
      expected: `VIM "${vim}"`,
      got: [...vims.keys()].join(', ') || 'none',
      remedy: "Name it in the service descriptor's vims section.",
    });
  }

  #image(info: SnapshotImageInfo): SnapshotImage {
    const path = info.imagePath ?? imagePath(info.vnfcInstanceId, info.name);
    const role = z.enum(['memory', 'disk', 'state']).safeParse(info.userMetadata?.role);
    return {
      name: info.name,
      role: role.success ? role.data : 'disk',
      sizeBytes: info.size,
      open: async () => this.content.openPlain(path),
    };
  }
}
