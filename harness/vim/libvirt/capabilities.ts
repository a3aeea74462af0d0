import { access, constants, mkdir } from 'node:fs/promises';
import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../model/capability.js';
import { faultKinds, machineFaultKinds } from '../../model/fault.js';
import { reasonOf } from '../../util/errors.js';
import type { Domains } from './domains.js';
import { faultCapabilities } from './fault-means.js';
import { qemuImg } from './images.js';
import { procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';

/** 9009000 is 9.9.0: major * 1,000,000 + minor * 1,000 + release. */
const versionText = (v: bigint): string => `${v / 1_000_000n}.${(v / 1000n) % 1000n}.${v % 1000n}`;

/** Found by probing: the daemon, the tools and the folder on its host, and the agents of the service's own guests. */
export async function probeCapabilities(domains: Domains, folder: SnapshotFolder): Promise<CapabilityTable> {
  const { hypervisor } = domains;
  const what = 'the version of libvirt cannot be read';
  const { version } = await hypervisor.call(procedures.connectGetLibVersion, {}, what);
  const libvirt = `libvirt ${versionText(version)}`;
  const files = await filesOnHost(domains, folder);
  const external = (how?: string): Capability => (files.supported ? yes(how ?? libvirt) : files);
  const agent = await agentOf(domains);
  const faults = faultCapabilities(domains, agent);
  const table: [CapabilityRow, Capability][] = [
    ['OP-create.instance', external()],
    ['OP-create.memory', external()],
    ['OP-create.disk', external()],
    ['OP-create.metadata', external()],
    ['OP-create.live', external('memory is written while the guest runs; it stands still for the last of it')],
    ['OP-create.leave-running', external()],
    ['OP-create.stop', external()],
    ['OP-create.quiesce', agent],
    ['OP-create.tcp-established', external('connections are part of the guest memory')],
    ['OP-create.atomic', external('one libvirt snapshot over memory and all disks')],
    ['OP-create.path', external()],
    ['OP-revert.revert', external(`by hand, as libvirt before 9.9 cannot revert to external snapshots (${libvirt})`)],
    ['OP-revert.tcp-established', external('connections are part of the guest memory')],
    ['OP-revert.file-locks', external('locks are part of the guest memory')],
    ['OP-revert.state', external()],
    [
      'OP-revert.force',
      external('internal snapshots by libvirt itself; by hand nothing is refused that it would allow'),
    ],
    ['OP-revert.host', no('a domain is reverted on the host that it is on; migration to another one is not driven')],
    ['OP-update.snapshot', no('frozen disk images are never written; take a new snapshot instead')],
    ['OP-update.metadata', external()],
    ['OP-update.rename', external()],
    ['OP-list.list', external()],
    ['OP-list.filter', external()],
    ['OP-show.details', external()],
    ['OP-delete.filter', external()],
    ['OP-delete.consolidate', external('block commit while the guest runs, qemu-img commit while it is off')],
    ['OP-export.image-files', external('qcow2 for disks, libvirt save image for memory')],
    ['OP-import.image-files', external()],
    ['TQ-memory.internal', external('inside the qcow2')],
    ['TQ-memory.external', external()],
    ['TQ-disk.sequential', external('the whole disk is copied')],
    ['TQ-disk.incremental', external('the disk is frozen; what changes goes to an overlay')],
    ['TQ-disk.internal', external('inside the qcow2')],
    ['TQ-disk.external', external()],
    ['pause', yes(libvirt)],
    [
      'storage',
      no('a guest lets a disk go when it likes, and what it has mounted from it stays dead when the disk comes back'),
    ],
    ['replacement', external('a new domain with the same MAC from the snapshot, the failed one frozen and unplugged')],
    ['replay', external('an isolated copy, paused as it was captured, with a gdb stub and a memory dump')],
    [
      'replay.record',
      no(
        "QEMU does not come to the end of every replay: 7.2 stood still in half of the attempts, and gdb's reverse-stepi did not " +
          "return in 100 s; 9.0 mends part of it (QEMU's commit 1f881ea4a4), and its issue 2013 is open",
      ),
    ],
  ];
  for (const kind of [...faultKinds, ...machineFaultKinds]) {
    table.push([
      `fault.${kind}`,
      faults.get(kind) ?? no(`neither libvirt nor QEMU has a means for ${kind} on this host`),
    ]);
  }
  return new Map(table);
}

/** Overlays and memory images are files that this process makes too: it must be on the host of the VMs. */
async function filesOnHost({ hypervisor }: Domains, folder: SnapshotFolder): Promise<Capability> {
  if (!hypervisor.isLocal) {
    return no('snapshots are files on the host of the VMs, and this libvirt is on another machine; run Ordeal there');
  }
  try {
    await qemuImg.version();
    await mkdir(folder.root, { recursive: true });
    await access(folder.root, constants.W_OK);
    return yes();
  } catch (e) {
    return no(`${folder.root} or qemu-img cannot be used: ${reasonOf(e)}`);
  }
}

/** One guest that answers shows that it works here; the plan looks at each guest itself. */
async function agentOf(domains: Domains): Promise<Capability> {
  const silent: string[] = [];
  for (const { resource } of domains.deployed) {
    const seen = await domains.findInPlace(resource);
    if (seen === undefined || !seen.xml.hasAgentChannel) continue;
    const answer = await domains.hypervisor.agent(seen.dom, 'guest-ping', {}, 2).then(
      () => undefined,
      (e: unknown) => reasonOf(e),
    );
    if (answer === undefined) return yes(`guest agent of "${resource}"`);
    silent.push(`"${resource}": ${answer}`);
  }
  return no(
    silent.length === 0
      ? 'no domain of this service has a guest agent channel (org.qemu.guest_agent.0)'
      : `no guest agent answers: ${silent.join('; ')}`,
  );
}
