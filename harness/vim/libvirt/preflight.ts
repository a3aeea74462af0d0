import { statfs } from 'node:fs/promises';
import type { Obstacle } from '../../model/vim.js';
import { errnoOf } from '../../util/errors.js';
import { child } from './domain-xml.js';
import type { Seen } from './domains.js';

export interface CaptureKind {
  readonly warm: boolean;
  readonly internal: boolean;
}

const prevents = (what: string, remedy: string): Obstacle => ({ what, remedy, prevents: true });
const notes = (what: string, remedy: string): Obstacle => ({ what, remedy, prevents: false });

/**
 * What stands in the way of a snapshot, or is to be known of it, from the domain's XML alone.
 * @param targets the disks that are to be in it
 */
export function obstacles(
  { xml }: Pick<Seen, 'xml'>,
  targets: ReadonlySet<string>,
  { warm, internal }: CaptureKind,
): Obstacle[] {
  const found: Obstacle[] = [];
  for (const disk of xml.disks) {
    const is = `disk ${disk.target}`;
    if (targets.has(disk.target)) {
      if (disk.type !== 'file')
        found.push(prevents(`${is} is no file but ${disk.type}`, 'make it independent, or move it to qcow2'));
      if (disk.isShared) found.push(prevents(`${is} is shared with other domains`, 'make it independent'));
      if (internal && disk.format !== 'qcow2')
        found.push(prevents(`${is} is ${disk.format}, not qcow2`, 'ask for external'));
      else if (disk.format === 'raw' && disk.type === 'file')
        found.push(
          notes(`${is} is raw`, 'it goes on in a qcow2 over it until the snapshot is deleted with --consolidate'),
        );
    } else if (warm && internal && !disk.isReadOnly && disk.file !== undefined && disk.format !== 'qcow2') {
      found.push(prevents(`${is} is writable and not qcow2`, 'ask for external'));
    }
  }
  const hasTpm = xml.devices('tpm').length > 0;
  const hasVariables = child(child(xml.root, 'os'), 'nvram') !== undefined;
  if (warm) {
    if (xml.devices('hostdev').length > 0)
      found.push(
        prevents('it has host devices (VFIO, SR-IOV), whose state nobody can save', 'unplug them first, or go cold'),
      );
    if (xml.interfaces.some((i) => i.type === 'hostdev'))
      found.push(prevents('it has SR-IOV interfaces', 'use virtio, or go cold'));
    if (hasTpm && internal)
      found.push(prevents('it has a TPM, whose state is not in an internal snapshot', 'ask for external'));
    if (xml.devices('filesystem').length > 0)
      found.push(prevents('it shares a folder with the host', 'unplug it, or go cold'));
    if (child(child(xml.root, 'memoryBacking'), 'hugepages') !== undefined)
      found.push(
        notes('its memory is in huge pages', 'a new one beside it needs as many again: keep them free on the host'),
      );
  } else {
    if (hasTpm) found.push(notes('it has a TPM, whose state is in no cold snapshot', 'go warm to have it go back too'));
    if (hasVariables)
      found.push(notes('its UEFI variables are in no cold snapshot', 'go warm to have them go back too'));
  }
  if (hasVariables && internal)
    found.push(
      prevents('its UEFI variables are pflash, which libvirt does not snapshot internally', 'ask for external'),
    );
  if (!xml.hasAgentChannel)
    found.push(
      notes(
        'it has no guest agent: it cannot be quiesced, and it is shut down by its power button',
        'give it a channel org.qemu.guest_agent.0, and run qemu-ga in the guest',
      ),
    );
  return found;
}

/** @param folder where it is to be written, there already or not @returns bytes; undefined when nobody can tell */
export async function freeBytes(folder: string): Promise<bigint | undefined> {
  for (let at = folder; ; at = at.slice(0, Math.max(1, at.lastIndexOf('/')))) {
    try {
      const { bavail, bsize } = await statfs(at, { bigint: true });
      return bavail * bsize;
    } catch (e) {
      if (errnoOf(e) !== 'ENOENT' || at === '/') return undefined;
    }
  }
}

/** @param needed bytes, at most @returns nothing when it fits */
export function spaceObstacle(folder: string, needed: number, free: bigint | undefined): Obstacle[] {
  if (free === undefined || free >= BigInt(Math.ceil(needed))) return [];
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const what = `${folder} has ${mib(Number(free))} free, and up to ${mib(needed)} are needed`;
  return [prevents(what, 'free space there, or name another folder in vims.libvirt.folder')];
}
