import type { Vnfc } from '../model/network-service.js';
import {
  type SnapshotDescriptor,
  type SnapshotType,
  type VnfcSnapshotOptions,
  vnfcSnapshotOptions,
} from '../model/snapshot-descriptor.js';
import type { ComputeState } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import type { CreateVnfSnapshotRequest } from './context.js';

/** Vnfm.001: the parameters of one VNFC, from the request, else the descriptor, else the default. */
export interface VnfcParameters extends VnfcSnapshotOptions {
  /** How a person reads where a decision came from. */
  readonly notes: readonly string[];
}

export function resolveVnfcOptions(
  request: CreateVnfSnapshotRequest,
  descriptor: SnapshotDescriptor,
  vnfc: Vnfc,
  state: ComputeState,
): VnfcParameters {
  const described = descriptor.vnfcs[vnfc.id];
  const asked = { ...(request.type === undefined ? {} : { type: request.type }), ...request.vnfcs?.[vnfc.id] };
  const options = vnfcSnapshotOptions.parse({ ...described, ...asked, forbidden: described?.forbidden ?? false });
  const notes: string[] = [];
  const type = resolveType(options, asked.type, vnfc, state, notes);
  const { memory, ...rest } = options;
  // A memory technique means nothing without memory (table 7.3-1, comment on Vnfsd.006).
  return { ...rest, ...(memory === undefined || type === 'cold' ? {} : { memory }), type, notes };
}

function resolveType(
  { type, powerOff }: VnfcSnapshotOptions,
  asked: SnapshotType | undefined,
  vnfc: Vnfc,
  { powerState }: ComputeState,
  notes: string[],
): SnapshotType {
  if (type === 'cold') return type;
  if (powerState === 'off') {
    notes.push('cold, because it is powered off and has no memory');
    return 'cold';
  }
  if (powerOff !== 'before') return type;
  if (asked === 'warm') {
    throw new OrdealError('usage', `VNFC "${vnfc.id}" is to be powered off before a warm snapshot`, {
      expected: 'powerOff no or after with type warm, or type cold',
      got: 'powerOff before with type warm',
      remedy: 'A VNFC that is powered off has no memory to capture; nothing was touched.',
    });
  }
  notes.push('cold, because it is powered off before');
  return 'cold';
}

export interface VolumeChoice {
  readonly included: readonly string[];
  readonly excluded: readonly { diskId: string; reason: string }[];
}

/** Which disks are captured: independent ones never (clause 6.1.1), else those that Vnfsd.016 names, else all. */
export function chooseVolumes(vnfc: Vnfc, options: VnfcSnapshotOptions, state: ComputeState): VolumeChoice {
  const independent = new Set(vnfc.disks.filter((d) => d.independent).map((d) => d.id));
  const unknown = options.volumes?.filter((v) => !state.disks.some((d) => d.id === v)) ?? [];
  if (unknown.length > 0) {
    throw new OrdealError('unknown-target', `VNFC "${vnfc.id}" has no volume ${unknown.join(', ')}`, {
      expected: state.disks.length === 0 ? 'no volumes' : `some of ${state.disks.map((d) => d.id).join(', ')}`,
      remedy: 'Correct volumes in the snapshot descriptor; nothing was touched.',
    });
  }
  const included: string[] = [];
  const excluded: { diskId: string; reason: string }[] = [];
  for (const { id } of state.disks) {
    if (independent.has(id)) excluded.push({ diskId: id, reason: 'independent disk' });
    else if (options.volumes !== undefined && !options.volumes.includes(id)) {
      excluded.push({ diskId: id, reason: 'not among the volumes to include (Vnfsd.016)' });
    } else included.push(id);
  }
  return { included, excluded };
}
