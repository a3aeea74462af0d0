import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../../model/capability.js';
import { faultKinds } from '../../../model/fault.js';
import { rowsOfContainers } from '../../oci/rows-of-containers.js';
import type { ApiEngine } from './api-engine.js';

const STRAYS = 'of files without memory those that came since stay, those of the image that were deleted since stay so';

export const STALL = 'stall';

/** What is left where only the daemon's API can be reached. @param why it is so */
export async function apiCapabilities(engine: ApiEngine, why: string): Promise<CapabilityTable> {
  const [version, nature] = await Promise.all([engine.version(), engine.nature()]);
  const { cannotDump, cannotPause, memoryStays, connections, fileLocks } = nature;
  const here = 'run Ordeal as root on the host of the containers';
  const unreached = no(`${why}; ${here}`);
  const memory = (how: string): Capability => (cannotDump === undefined ? yes(how) : no(cannotDump));
  const paused = (how: string): Capability => (cannotPause === undefined ? yes(how) : no(cannotPause));
  const stopFirst = `${cannotPause}: one that runs is to be stopped first`;
  const table: (readonly [CapabilityRow, Capability])[] = [
    ...rowsOfContainers,
    ['OP-create.instance', yes(`${version}, by its API alone: ${why}`)],
    ['OP-create.memory', memory(nature.memory)],
    ['OP-create.disk', yes('what was changed in the layer, and the volumes, by the archive API while nothing runs')],
    [
      'OP-create.live',
      cannotPause === undefined
        ? yes(
            'it stands still while files are fetched over the network; should Ordeal die meanwhile, until the next snapshot is asked for',
          )
        : no(stopFirst),
    ],
    ['OP-create.tcp-established', cannotDump === undefined ? connections : no(cannotDump)],
    ['OP-create.atomic', yes('files and memory of one moment')],
    ['OP-create.path', no('the memory lies with the daemon, or is fetched over the network')],
    ['OP-revert.revert', yes(`in place; ${STRAYS}`)],
    ['OP-revert.tcp-established', unreached],
    ['OP-revert.file-locks', cannotDump === undefined ? fileLocks : no(cannotDump)],
    ['OP-revert.state', paused('suspended: paused as soon as it has been started')],
    ['OP-export.image-files', yes(memoryStays === undefined ? 'memory and files' : `files alone: ${memoryStays}`)],
    [
      'OP-import.image-files',
      yes('files; memory comes back only in the container that it is of, or was, on the same daemon'),
    ],
    ['TQ-memory.external', memory("CRIU's image files")],
    ['TQ-disk.sequential', yes('whole files')],
    ['TQ-disk.incremental', no('files are fetched whole')],
    ['pause', paused("the daemon's own pause")],
    ['replacement', no(`a checkpoint is of one container, and brings no other one to life; ${here}`)],
    ['fault.shutdown', yes('SIGTERM by the engine, then SIGKILL')],
    ['fault.crash', yes('SIGKILL')],
    ['fault.restart', yes('SIGTERM by the engine, then SIGKILL, and a new start')],
    [`fault.${STALL}`, paused("the daemon's own pause")],
  ];
  const known = new Set(table.map(([row]) => row));
  const others = faultKinds.filter((kind) => !known.has(`fault.${kind}`));
  return new Map([...table, ...others.map((kind) => [`fault.${kind}`, unreached] as const)]);
}
