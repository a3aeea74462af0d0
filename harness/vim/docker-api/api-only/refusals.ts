import type { CreateSnapshotRequest } from '../../../model/vim.js';
import { OrdealError } from '../../../util/errors.js';
import type { Seen } from '../../oci/containers.js';
import type { ApiEngine, ApiNature } from './api-engine.js';

/** @throws OrdealError with everything that this daemon's API cannot give, before anything is touched */
export function mustBeCapturable(
  { container, powerState }: Seen,
  request: CreateSnapshotRequest,
  { cannotDump, cannotPause }: ApiNature,
  { daemon, endsAtCheckpoint }: Pick<ApiEngine, 'daemon' | 'endsAtCheckpoint'>,
): void {
  const { name, blockers } = container;
  const warm = request.type === 'warm';
  if (warm && powerState !== 'on' && powerState !== 'suspended') {
    throw new OrdealError('vim-failed', `"${name}" is ${powerState} and has no memory to capture`, {
      remedy: 'Ask for a cold snapshot.',
    });
  }
  const lacking = [
    ...(warm ? blockers : []),
    ...(warm && cannotDump !== undefined ? [cannotDump] : []),
    ...(warm && endsAtCheckpoint && powerState === 'suspended'
      ? [`${daemon} makes no checkpoint of one that is paused: resume it, and capture it alone`]
      : []),
    ...(!warm && cannotPause !== undefined && powerState === 'on' ? [`${cannotPause}; stop it first`] : []),
    ...(request.memory === 'internal' ? ['memory inside of a disk image: a container has no such image'] : []),
    ...(request.disk?.file === 'internal' ? ['disk snapshots inside of a disk image: a layer is a directory'] : []),
    ...(request.disk?.copy === 'incremental' ? ['incremental disks: files are fetched whole'] : []),
    ...(request.path === undefined ? [] : ['a path of your own: the memory lies with the daemon']),
    ...(request.volumes === undefined ? [] : ['a choice of volumes: all of them are fetched']),
  ];
  if (lacking.length === 0) return;
  throw new OrdealError('capability-missing', `"${name}" cannot be captured so over an API: ${lacking.join('; ')}`);
}
