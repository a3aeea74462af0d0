import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { SnapshotImage } from '../model/vim.js';
import { storedVnfd } from '../snapshot/stored-vnfd.js';
import { asError, OrdealError, reasonOf } from '../util/errors.js';
import type { PackageArtifact, VnfcImages } from './content.js';
import { layout } from './layout.js';
import type { CreatePackageRequest, PackageContext } from './package-context.js';
import type { VnfSnapshotPkgInfo } from './package-info.js';
import { PackageProcedure } from './package-procedure.js';
import { packageFileName } from './package-records.js';
import { giveUp, shelve } from './shelving.js';
import { writePackage } from './write.js';

/** 6.7.1, or 6.6.1 (6.6.2) when it is about one VNFC alone. */
export async function createPackage(
  context: PackageContext,
  request: CreatePackageRequest,
  kind: 'create' | 'createVnfc',
  signal?: AbortSignal,
): Promise<VnfSnapshotPkgInfo> {
  const { engine, records } = context;
  const { state } = engine;
  const sender = request.sender ?? 'Sender';
  const snapshot = state.vnfSnapshots.show(request.vnfSnapshotId);
  const vnfcIds = chosen(snapshot, request.vnfcIds);
  const procedure = new PackageProcedure(engine, kind, kind === 'create' ? snapshot.vnfInstanceId : (vnfcIds[0] ?? ''));
  if (kind === 'create') {
    procedure.tell(1, sender, 'VNFM', `create a VNF Snapshot Package of ${snapshot.id}`);
    procedure.tell(2, 'VNFM', 'VNFM', 'identify the parameters', `VNFCs ${vnfcIds.join(', ')}`);
    await procedure.grant(snapshot.vnfInstanceId, vnfcIds);
  }
  const id = records.newId();
  using _lease = state.leases.take(id, 'its creation');
  using _inUse = state.leases.take(snapshot.id, `the creation of package ${id}`);
  records.create(id, request.name ?? snapshot.userDefinedData.name, {
    ...request.userDefinedData,
    vnfInstanceId: snapshot.vnfInstanceId,
  });
  const file = join(context.folder, packageFileName(id));
  try {
    records.enter(id, 'BUILDING');
    const images: VnfcImages[] = [];
    for (const vnfcId of vnfcIds) images.push(await vnfcImages(context, snapshot, vnfcId, kind, procedure));
    if (kind === 'create') procedure.tell(6, 'VNFM', 'VNFM', 'compile the files of the VNF Snapshot Package');
    await using vnfd = await vnfdOf(context, snapshot, id);
    const written = await writePackage(
      file,
      {
        vnfSnapshot: snapshot,
        vnfd: vnfd.file === undefined ? undefined : { file: vnfd.file },
        images,
        artifacts: [...(request.artifacts ?? []), ...descriptorOf(context, snapshot)],
        userDefinedData: { ...request.userDefinedData, vnfInstanceId: snapshot.vnfInstanceId },
      },
      {
        ...(signal === undefined ? {} : { signal }),
        ...(context.options.signer === undefined ? {} : { signer: context.options.signer }),
        ...(context.options.recipients === undefined ? {} : { recipients: context.options.recipients }),
        storeImages: true,
      },
    );
    records.enter(id, 'PROCESSING');
    const info = await shelve(context, id, file, written.sha256);
    if (kind === 'create') {
      const place = 'VNF Snapshot Package repository';
      procedure.tell(7, 'VNFM', place, 'upload the VNF Snapshot Package', `${written.bytes} bytes`);
      procedure.tell(8, 'VNFM', sender, `VNF Snapshot Package created: ${id}`);
    }
    return info;
  } catch (e) {
    await giveUp(context, id, file, e);
    if (kind === 'create') procedure.tell(8, 'VNFM', sender, 'VNF Snapshot Package not created', reasonOf(e), 'failed');
    throw e;
  }
}

function chosen(snapshot: VnfSnapshot, wanted: readonly string[] | undefined): string[] {
  const there = snapshot.vnfcSnapshots.map((s) => s.vnfcInstanceId);
  const lost = (wanted ?? []).filter((id) => !there.includes(id));
  if (lost.length === 0) return [...(wanted ?? there)];
  throw new OrdealError('unknown-target', `VNF Snapshot "${snapshot.id}" does not hold VNFC "${lost.join('", "')}"`, {
    expected: `one of ${there.join(', ')}`,
    remedy: 'No package was created.',
  });
}

/** 6.6.1 or 6.6.2: the VIM's images are opened now and flow later, when the package is written. */
async function vnfcImages(
  context: PackageContext,
  snapshot: VnfSnapshot,
  vnfcId: string,
  kind: 'create' | 'createVnfc',
  outer: PackageProcedure,
): Promise<VnfcImages> {
  const procedure = kind === 'create' ? new PackageProcedure(context.engine, 'createVnfc', vnfcId) : outer;
  if (kind === 'create')
    outer.tell(5, 'VNFM', 'VNFM', `create the VNFC Snapshot Package of ${vnfcId}`, procedure.clause);
  procedure.tell(1, 'VNFM', 'VNFM', `create a VNFC Snapshot Package of ${vnfcId}`);
  const covered = kind === 'create' ? 'granted with the VNF Snapshot Package' : undefined;
  await procedure.grant(snapshot.vnfInstanceId, [vnfcId], covered);
  const at = snapshot.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfcId)?.computeSnapshotResource;
  if (at === undefined) {
    throw new OrdealError('snapshot-missing', `VNF Snapshot "${snapshot.id}" names no resource for VNFC "${vnfcId}"`);
  }
  const what = `download the captured state of ${vnfcId}`;
  procedure.request(what);
  try {
    return await context.access.call(at.vimConnectionId, what, async (vim) => {
      const record = await vim.snapshots.show(at.resourceId);
      const images = await vim.snapshots.exportImages(at.resourceId);
      return { vnfcId, record, images: whenRead(images, (e) => answer(procedure, vnfcId, e)) };
    });
  } catch (e) {
    answer(procedure, vnfcId, asError(e));
    throw e;
  }
}

const answer = (procedure: PackageProcedure, vnfcId: string, e?: Error): void =>
  e === undefined
    ? procedure.response(`the captured state of ${vnfcId}`)
    : procedure.response(`the captured state of ${vnfcId}`, 'failed', reasonOf(e));

/** Calls back once, when the last image has been read to its end or one of them has failed. */
function whenRead(images: readonly SnapshotImage[], done: (e?: Error) => void): readonly SnapshotImage[] {
  let left = images.length;
  if (left === 0) done();
  async function* watched(stream: NodeJS.ReadableStream) {
    try {
      yield* stream;
    } catch (e) {
      done(asError(e));
      throw e;
    }
    left--;
    if (left === 0) done();
  }
  return images.map((image) => ({
    name: image.name,
    role: image.role,
    sizeBytes: image.sizeBytes,
    open: async () => Readable.from(watched(await image.open()), { objectMode: false }),
  }));
}

/** The VNFD as the snapshot holds it, whatever has become of it since; of an older snapshot, as it is now. */
async function vnfdOf(
  { engine, folder }: PackageContext,
  snapshot: VnfSnapshot,
  id: string,
): Promise<{ readonly file: string | undefined } & AsyncDisposable> {
  const { vnfd: now } = engine.service.descriptor.vnfs.find((v) => v.id === snapshot.vnfInstanceId) ?? {};
  const kept = storedVnfd.safeParse(engine.state.vnfSnapshots.vnfd(snapshot.id)).data;
  if (kept === undefined || kept.files.length === 0) {
    const file = now === undefined ? undefined : resolve(engine.service.folder, now);
    return { file, [Symbol.asyncDispose]: async () => {} };
  }
  const scratch = join(folder, `.${packageFileName(id)}.vnfd`);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  for (const { path, base64 } of kept.files) {
    await mkdir(dirname(join(scratch, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(scratch, path), Buffer.from(base64, 'base64'), { mode: 0o600 });
  }
  const [only] = kept.files;
  return {
    file: kept.files.length === 1 && only !== undefined ? join(scratch, only.path) : scratch,
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }),
  };
}

export const descriptorPath = `${layout.artifacts}vnf-descriptor.json`;

/** The VNF's part of the service descriptor as it was when the snapshot was taken: the extraction needs it. */
function descriptorOf({ engine }: PackageContext, snapshot: VnfSnapshot): PackageArtifact[] {
  const kept = engine.state.vnfSnapshots.vnfd(snapshot.id);
  if (kept === undefined) return [];
  const descriptor = storedVnfd.safeParse(kept).data?.descriptor ?? kept;
  return [{ path: descriptorPath, open: () => Readable.from([`${JSON.stringify(descriptor, null, 2)}\n`]) }];
}
