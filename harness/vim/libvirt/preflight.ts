import { child } from './domain-xml.js';
import type { Seen } from './domains.js';

/**
 * What stands in the way of a snapshot, from the domain's XML alone: told before anything is touched, each with what
 * to do about it.
 * @param targets the disks that are to be in it
 */
export function blockers(
  { xml }: Pick<Seen, 'xml'>,
  targets: ReadonlySet<string>,
  { warm, internal }: { warm: boolean; internal: boolean },
): string[] {
  const found: string[] = [];
  for (const disk of xml.disks) {
    const is = `disk ${disk.target}`;
    if (targets.has(disk.target)) {
      if (disk.type !== 'file')
        found.push(`${is} is no file but ${disk.type}; make it independent, or move it to qcow2`);
      if (disk.isShared) found.push(`${is} is shared with other domains; make it independent`);
      if (internal && disk.format !== 'qcow2') found.push(`${is} is ${disk.format}, not qcow2; ask for external`);
    } else if (warm && internal && !disk.isReadOnly && disk.file !== undefined && disk.format !== 'qcow2') {
      found.push(`${is} is writable and not qcow2; ask for external`);
    }
  }
  if (warm) {
    if (xml.devices('hostdev').length > 0) {
      found.push('it has host devices (VFIO, SR-IOV), whose state nobody can save; unplug them first, or go cold');
    }
    if (xml.interfaces.some((i) => i.type === 'hostdev'))
      found.push('it has SR-IOV interfaces; use virtio, or go cold');
    if (xml.devices('tpm').length > 0 && internal)
      found.push('it has a TPM, whose state is not in an internal snapshot');
    if (xml.devices('filesystem').length > 0) found.push('it shares a folder with the host; unplug it, or go cold');
  }
  if (internal && child(child(xml.root, 'os'), 'nvram') !== undefined) {
    found.push('its UEFI variables are pflash, which libvirt does not snapshot internally; ask for external');
  }
  return found;
}
