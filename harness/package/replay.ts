import { dirname } from 'node:path';
import { z } from 'zod';
import { CapabilityError, missing } from '../model/capability.js';
import { type LocatedService, networkService, vnf as vnfDescriptor } from '../model/network-service.js';
import { instanceSnapshot, vnfSnapshot } from '../model/snapshot.js';
import type { ComputeId, Replay, ReplayedCopy, SnapshotImage, Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { parseValidated } from '../util/validate.js';
import { openVim } from '../vim/registry.js';
import { descriptorPath } from './creation.js';
import type { Identity } from './keys.js';
import { imagePath, layout } from './layout.js';
import { PackageReader } from './package-reader.js';

import { PlainContent } from './plain-content.js';

export interface ReplayRequest {
  /** Which of its VNFCs; may be left out when only one has memory. */
  readonly vnfcId?: string;
  /** The VIM's section of a descriptor: where to bring up the copy. */
  readonly vimOptions: Readonly<Record<string, unknown>>;
  readonly stateFolder: string;
  readonly identities?: readonly Identity[];
}

export interface Replayed extends ReplayedCopy {
  readonly vim: string;
  readonly vnfcId: string;
  readonly capturedAt: string;
}

/**
 * Brings up an isolated copy of a VNFC from its package, on this machine, paused at the moment of capture. The service
 * that it comes from is not needed. What was imported for it is removed again; the copy itself stays until `endReplay`.
 * @throws OrdealError of kinds `unknown-target`, `capability-missing`, those of opening a VIM and of reading a package
 */
export async function replayPackage(file: string, request: ReplayRequest): Promise<Replayed> {
  await using reader = await PackageReader.open(file);
  const content = await PlainContent.of(reader, request.identities ?? []);
  const snapshot = await reader.record(layout.record, vnfSnapshot);
  const images = content.info?.vnfcSnapshotImages ?? [];
  const withMemory = [...new Set(images.filter((i) => i.userMetadata?.role === 'memory').map((i) => i.vnfcInstanceId))];
  const vnfcId = chosen(file, withMemory, request.vnfcId);
  const info = snapshot.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfcId);
  const kind = info?.computeSnapshotResource?.vimConnectionId ?? '';
  const service = await serviceOf(content, snapshot.vnfInstanceId, kind);
  await using undo = new Undo();
  const vim = await openVim(kind, { service, stateFolder: request.stateFolder, options: request.vimOptions });
  undo.defer('close the VIM', () => vim[Symbol.asyncDispose]());
  const replay = await replayOf(vim);
  const record = await reader.record(imagePath(vnfcId, layout.vnfcRecord), instanceSnapshot);
  const mine = images.filter((i) => i.vnfcInstanceId === vnfcId);
  const imported = await vim.snapshots.importImages(
    record,
    mine.map((i): SnapshotImage => {
      const role = z.enum(['memory', 'disk', 'state']).safeParse(i.userMetadata?.role);
      return {
        name: i.name,
        role: role.success ? role.data : 'disk',
        sizeBytes: i.size,
        open: async () => content.openPlain(i.imagePath ?? imagePath(vnfcId, i.name)),
      };
    }),
  );
  undo.defer('delete the imported snapshot', () => vim.snapshots.delete([imported.id]));
  const copy = await replay.replay(imported.id);
  return { ...copy, vim: kind, vnfcId, capturedAt: record.createdAt };
}

/** Ends a copy, also one whose `ordeal` has died. Idempotent. @param compute id or name of the copy */
export async function endReplay(
  kind: string,
  compute: ComputeId,
  { vimOptions, stateFolder }: Pick<ReplayRequest, 'vimOptions' | 'stateFolder'>,
): Promise<void> {
  await using vim = await openVim(kind, { service: emptyService(kind), stateFolder, options: vimOptions });
  await (await replayOf(vim)).end(compute);
}

async function replayOf(vim: Vim): Promise<Replay> {
  const gaps = missing(['replay'], await vim.capabilities());
  if (vim.replay === undefined || gaps.length > 0) throw new CapabilityError(vim.kind, gaps);
  return vim.replay;
}

function chosen(file: string, withMemory: readonly string[], wanted: string | undefined): string {
  const [only] = withMemory;
  if (wanted === undefined && only !== undefined && withMemory.length === 1) return only;
  if (wanted !== undefined && withMemory.includes(wanted)) return wanted;
  throw new OrdealError(
    'unknown-target',
    wanted === undefined ? 'The package holds the memory of several VNFCs' : `It holds no memory of VNFC "${wanted}"`,
    {
      where: file,
      expected: `one of ${withMemory.join(', ') || 'none: it has no memory at all'}`,
      remedy: 'Say which with --vnfc.',
    },
  );
}

/** A service that has nothing but the VNF of the package: all that a VIM has to know to take the images. */
async function serviceOf(content: PlainContent, vnfId: string, kind: string): Promise<LocatedService> {
  const path = content.find(descriptorPath);
  const base = emptyService(kind);
  const { file } = content.reader;
  if (path === undefined) return { ...base, file, folder: dirname(file) };
  const text = (await content.bytesOf(path)).toString('utf8');
  const vnf = await parseValidated(text, `${file}#${path}`, vnfDescriptor, 'package-invalid');
  if (vnf.id !== vnfId) {
    throw new OrdealError('package-invalid', 'The package has the descriptor of another VNF', {
      where: file,
      expected: vnfId,
      got: vnf.id,
    });
  }
  return { file, folder: dirname(file), descriptor: { ...base.descriptor, vnfs: [vnf] } };
}

const emptyService = (kind: string): LocatedService => ({
  file: 'replay',
  folder: '.',
  descriptor: {
    ...networkService.parse({
      schema: 'ordeal.service/1',
      id: 'replay',
      expectedRecoveryMs: 0,
      highAvailability: 'none: a copy for a debugger',
      vims: { [kind]: {} },
      vnfs: [{ id: 'replay', vnfdId: 'replay', vnfcs: [{ id: 'replay', vim: kind }] }],
      probes: [{ id: 'none', kind: 'tcp', port: 1 }],
    }),
    vnfs: [],
    probes: [],
  },
});
