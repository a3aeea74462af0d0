import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../../model/capability.js';
import { faultKinds } from '../../../model/fault.js';
import type { ApiDockerEngine } from './api-engine.js';

/** Measured with Docker 20.10: 9 to 10.5 s for 256 MiB, 44 to 46 s for a GiB, and as long again for the way back. */
const COST = 'it stands still for about 40 s per GiB of memory';
const STRAYS = 'files that came since stay, files of the image that were deleted since stay so';

export const STALL = 'stall';

/** What is left where only the daemon's API can be reached. @param why it is so */
export async function apiCapabilities(engine: ApiDockerEngine, why: string): Promise<CapabilityTable> {
  const [version, { isRootless, isExperimental }] = await Promise.all([engine.version(), engine.nature()]);
  const here = 'run Ordeal as root on the host of the containers';
  const unreached = no(`${why}; ${here}`);
  const memory = (how: string): Capability => {
    if (isRootless) return no('dockerd is rootless, and CRIU dumps nothing without root');
    return isExperimental
      ? yes(how)
      : no('dockerd makes checkpoints only with "experimental": true in its daemon.json');
  };
  const table: [CapabilityRow, Capability][] = [
    ['OP-create.instance', yes(`${version}, by its API alone: ${why}`)],
    ['OP-create.memory', memory(`dockerd's own checkpoint: ${COST}; shown by the first one that is made`)],
    ['OP-create.disk', yes('what was changed in the layer, and the volumes, by the archive API while it is paused')],
    ['OP-create.metadata', yes()],
    [
      'OP-create.live',
      yes(
        'it is paused while files are fetched over the network, and stays so until `ordeal recover` when Ordeal dies meanwhile',
      ),
    ],
    ['OP-create.leave-running', yes()],
    ['OP-create.stop', yes()],
    ['OP-create.quiesce', no('a container has no file system of its own: freezing one would freeze the host')],
    ['OP-create.tcp-established', no(`only where /etc/criu/runc.conf there says tcp-established; ${here}`)],
    ['OP-create.atomic', yes('files and memory of one pause')],
    ['OP-create.path', no('the memory lies with dockerd')],
    ['OP-revert.revert', yes(`in place; ${STRAYS}`)],
    ['OP-revert.tcp-established', unreached],
    ['OP-revert.file-locks', no(`only where /etc/criu/runc.conf there says file-locks; ${here}`)],
    ['OP-revert.state', yes('suspended: paused as soon as it has been started')],
    ['OP-revert.force', yes('its process is killed in any case')],
    ['OP-revert.host', no('a container is reverted on the host that it is on')],
    ['OP-update.snapshot', no('a snapshot is never written again; take a new one instead')],
    ['OP-update.metadata', yes()],
    ['OP-update.rename', yes()],
    ['OP-list.list', yes()],
    ['OP-list.filter', yes()],
    ['OP-show.details', yes()],
    ['OP-delete.filter', yes()],
    ['OP-delete.consolidate', yes('each snapshot stands by itself: nothing is left to consolidate')],
    ['OP-export.image-files', no(`no API gives a checkpoint away; ${here}`)],
    ['OP-import.image-files', no(`no API takes a checkpoint; ${here}`)],
    ['TQ-memory.internal', no('a container has no disk image that memory could lie in')],
    ['TQ-memory.external', memory("CRIU's image files, in the folder of dockerd")],
    ['TQ-disk.sequential', yes('whole files')],
    ['TQ-disk.incremental', no('files are fetched whole')],
    ['TQ-disk.internal', no('a layer is a directory: there is no disk image that a snapshot could lie in')],
    ['TQ-disk.external', yes()],
    ['pause', yes("dockerd's own pause")],
    ['storage', no('what is mounted in a running container cannot be unmounted from outside')],
    ['replacement', no(`a checkpoint is of one container, and brings no other one to life; ${here}`)],
    ['replay', no('what came in after a snapshot is not recorded')],
    ['fault.shutdown', yes('SIGTERM by the engine, then SIGKILL')],
    ['fault.crash', yes('SIGKILL')],
    [`fault.${STALL}`, yes("dockerd's own pause")],
  ];
  const known = new Set(table.map(([row]) => row));
  for (const kind of faultKinds) if (!known.has(`fault.${kind}`)) table.push([`fault.${kind}`, unreached]);
  return new Map(table);
}
