import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../model/capability.js';
import { faultKinds } from '../../model/fault.js';

/** What the embedded NFVI can do is the same wherever Node.js runs: nothing of the host has to be probed. */
export function embeddedCapabilities(): CapabilityTable {
  const rows: Record<Exclude<CapabilityRow, `fault.${string}`>, Capability> = {
    'OP-create.instance': yes('a copy between two events of the VNFC'),
    'OP-create.memory': yes('linear memory, mutable globals, pending timers and messages'),
    'OP-create.disk': yes('every disk that is attached and not independent'),
    'OP-create.metadata': yes(),
    'OP-create.live': yes('it stands still for the time of one copy of its memory'),
    'OP-create.leave-running': yes(),
    'OP-create.stop': yes('it stands still until the snapshot is stored, then it is off'),
    'OP-create.quiesce': yes('handles what has come in; new requests from outside wait'),
    'OP-create.tcp-established': yes('connections from outside are held by the NFVI; the capture does not touch them'),
    'OP-create.atomic': yes('captured, then stored; listed when all of it is durable'),
    'OP-create.path': yes('the images go there, the record stays'),
    'OP-revert.revert': yes('in place, or as a new container'),
    'OP-revert.tcp-established': yes(
      'connections that are open stay open; requests from after the snapshot are answered 503',
    ),
    'OP-revert.file-locks': no(
      'a VNFC of the embedded NFVI has raw disks and no file system, so there are no file locks',
    ),
    'OP-revert.state': yes(),
    'OP-revert.force': yes('runs images with a wrong checksum, and what was left of a crash'),
    'OP-revert.host': no('all of a network service runs in one host process: there is no other host to choose'),
    'OP-update.snapshot': no(
      'never in place, so that evidence stays evidence; a VNF Snapshot that replaces another is stored first, then the other is deleted',
    ),
    'OP-update.metadata': yes(),
    'OP-update.rename': yes(),
    'OP-list.list': yes(),
    'OP-list.filter': yes('id, resource, name, run, type'),
    'OP-show.details': yes(),
    'OP-delete.filter': yes('what a list with a filter named; all of them or none'),
    'OP-delete.consolidate': yes('every image is whole by itself: no other snapshot needs what is deleted'),
    'OP-export.image-files': yes(),
    'OP-import.image-files': yes(),
    'TQ-memory.internal': no('disks are raw: there is no room for a memory image inside them'),
    'TQ-memory.external': yes('memory.raw, with holes where there are zeros'),
    'TQ-disk.sequential': yes('a full copy of what is allocated, at every snapshot'),
    'TQ-disk.incremental': no('disks are copied whole; the store shares what is equal between packages'),
    'TQ-disk.internal': no('disks are raw: a snapshot cannot lie in the same file'),
    'TQ-disk.external': yes('disk-<id>.raw'),
    pause: yes('between two events'),
    storage: yes('a detached disk answers EIO'),
    replacement: yes('new containers take names, addresses and ports; the old ones are frozen and kept'),
    replay: no('there is no debugger that would take the state of a WebAssembly instance'),
  };
  const table = new Map<CapabilityRow, Capability>(Object.entries(rows) as [CapabilityRow, Capability][]);
  for (const kind of faultKinds) table.set(`fault.${kind}`, yes());
  return table;
}
