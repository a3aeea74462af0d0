import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { DomainXml } from './domain-xml.js';
import type { Domains } from './domains.js';
import type { Hypervisor } from './hypervisor.js';
import type { Overlays } from './overlays.js';
import { type DomainRef, procedures } from './rpc/index.js';
import { readSaveImage, rewriteSaveImage } from './save-image.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';

const RESTORE_PAUSED = 4;
const RESTORE_MS = 600_000;
/** Managed save, snapshot metadata, NVRAM, checkpoints and TPM state: nothing of it outlives the domain. */
const UNDEFINE_ALL = 1 | 2 | 4 | 16;

export interface CloneRequest {
  readonly name: string;
  readonly uuid: string;
  /** Defined, so that it is there when it is off too; else it is gone with its QEMU. */
  readonly persistent: boolean;
  /** Whatever else is to be other than in the snapshot; the devices themselves must stay, as their state is restored. */
  readonly change: (xml: DomainXml) => void;
}

/** New domains with the state of a snapshot, on disks of their own; paused when the snapshot has memory, else off. */
export class Clones {
  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {}

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async make(stored: StoredSnapshot, { name, uuid, persistent, change }: CloneRequest): Promise<DomainRef> {
    const { id } = stored.record;
    if (stored.technique === 'internal') {
      throw new OrdealError('capability-missing', `Snapshot "${id}" lies inside the disk of its domain`, {
        remedy: 'Take an external snapshot, which is the default: a new domain can be made from it.',
      });
    }
    await using draft = this.folder.drafts.begin();
    await using undo = new Undo();
    const files = await this.overlays.over(stored, draft);
    undo.defer('remove the overlays', () => this.overlays.remove([...files.values()]));
    const saved = stored.memoryFile === undefined ? stored.domainXml : (await readSaveImage(stored.memoryFile)).xml;
    const xml = new DomainXml(saved);
    xml.rename(name, uuid);
    xml.separate(name);
    // Disks that no snapshot holds stay with the failed one: two domains must not write to one disk.
    for (const disk of xml.disks) {
      const file = files.get(disk.target);
      if (file !== undefined) xml.setDiskFile(disk.target, file);
      else if (!disk.isReadOnly && disk.device === 'disk') refuseSharing(id, disk.target, saved);
    }
    change(xml);
    if (persistent) {
      const defined = await this.#hypervisor.define(xml);
      undo.defer('remove the new domain', () => this.remove(defined));
    }
    if (stored.memoryFile !== undefined) {
      const image = join(this.folder.folderOf(id), `${newId('restore')}.save`);
      await draft.add(image);
      undo.defer('remove the rewritten memory image', () => rm(image, { force: true }));
      await rewriteSaveImage(stored.memoryFile, xml.toString(), image);
      const args = { from: image, xml: null, flags: RESTORE_PAUSED };
      await this.#hypervisor.call(procedures.domainRestore, args, `"${name}" cannot be restored`, RESTORE_MS);
      await rm(image, { force: true });
    }
    const dom = await this.#hypervisor.domain(uuid);
    undo.keep();
    return dom;
  }

  async remove(dom: DomainRef): Promise<void> {
    const isPersistent = await this.#hypervisor.isPersistent(dom);
    await this.#hypervisor.destroy(dom);
    if (!isPersistent) return;
    const what = `"${dom.name}" cannot be removed`;
    await this.#hypervisor.call(procedures.domainUndefine, { dom, flags: UNDEFINE_ALL }, what);
  }
}

function refuseSharing(snapshotId: string, target: string, saved: string): never {
  const { name } = new DomainXml(saved);
  throw new OrdealError('capability-missing', `Disk ${target} of "${name}" is not in snapshot "${snapshotId}"`, {
    remedy: 'Revert in place, or take the snapshot with all disks: two domains must not write to one disk.',
  });
}
