import { type Capability, type CapabilityRow, no, yes } from '../../model/capability.js';

/** What holds for a container however it is reached. */
export const rowsOfContainers: readonly (readonly [CapabilityRow, Capability])[] = [
  ['OP-create.metadata', yes()],
  ['OP-create.leave-running', yes()],
  ['OP-create.stop', yes()],
  ['OP-create.quiesce', no('a container has no file system of its own: freezing one would freeze the host')],
  ['OP-revert.force', yes('its process is killed in any case')],
  ['OP-revert.host', no('a container is reverted on the host that it is on; import the snapshot on the other one')],
  ['OP-update.snapshot', no('a snapshot is never written again; take a new one instead')],
  ['OP-update.metadata', yes()],
  ['OP-update.rename', yes()],
  ['OP-list.list', yes()],
  ['OP-list.filter', yes()],
  ['OP-show.details', yes()],
  ['OP-delete.filter', yes()],
  ['OP-delete.consolidate', yes('each snapshot stands by itself: nothing is left to consolidate')],
  ['TQ-memory.internal', no('a container has no disk image that memory could lie in')],
  ['TQ-disk.internal', no('a layer is a directory: there is no disk image that a snapshot could lie in')],
  ['TQ-disk.external', yes()],
  ['storage', no('what is mounted in a running container cannot be unmounted from outside')],
  ['replay', no('what came in after a snapshot is not recorded')],
];
