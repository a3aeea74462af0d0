import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeId, RevertOptions } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { DomainXml } from './domain-xml.js';
import type { Domains, Seen } from './domains.js';
import type { Draft } from './drafts.js';
import type { Hypervisor } from './hypervisor.js';
import { writeMarks } from './marks.js';
import type { Overlays } from './overlays.js';
import { procedures } from './rpc/index.js';
import { readSaveImage, rewriteSaveImage } from './save-image.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';

/** virDomainSaveRestoreFlags */
const Restore = { running: 2, paused: 4 } as const;
/** virDomainSnapshotRevertFlags */
const Revert = { running: 1, paused: 2, force: 4 } as const;
const RESTORE_MS = 600_000;

type Goal = 'on' | 'suspended' | 'off';

/** In place: 6.4.3 steps 13 to 16. libvirt before 9.9 cannot revert to external snapshots: it is done by hand here. */
export class Reversion {
  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {}

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async revert(compute: ComputeId, snapshotId: string, options: RevertOptions): Promise<void> {
    if (options.host !== undefined) {
      throw new OrdealError('capability-missing', 'A domain is reverted on the host that it is on', {
        remedy: 'Leave out host; migrate the domain before or after.',
      });
    }
    const [stored, seen] = await Promise.all([this.folder.read(snapshotId), this.domains.see(compute)]);
    const resource = this.domains.resourceOf(seen);
    if (stored.record.resource !== resource) {
      throw new OrdealError(
        'unknown-target',
        `Snapshot "${snapshotId}" is of "${stored.record.resource}", not of "${resource}"`,
      );
    }
    if (seen.marks.quarantined) {
      throw new OrdealError(
        'busy',
        `"${seen.dom.name}" is quarantined by run ${seen.marks.runId}: its state is evidence`,
        {
          remedy: 'Restore the snapshot as a new one, or end the quarantine first.',
        },
      );
    }
    const then = stored.record.powerState;
    const goal: Goal = options.state ?? (then === 'crashed' ? 'off' : then);
    if (stored.technique === 'internal') await this.#revertInternal(seen, stored, goal, options.force ?? false);
    else await this.#revertExternal(seen, stored, goal);
  }

  async #revertExternal(seen: Seen, stored: StoredSnapshot, goal: Goal): Promise<void> {
    const hypervisor = this.#hypervisor;
    const before = (await hypervisor.xml(seen.dom, 'inactive')).disks.flatMap((d) => d.file ?? []);
    await using draft = this.folder.drafts.begin();
    await using undo = new Undo();
    const files = await this.overlays.over(stored, draft);
    undo.defer('remove the new overlays', () => this.overlays.remove([...files.values()]));
    const next = await hypervisor.xml(seen.dom, 'inactive');
    for (const [target, file] of files) next.setDiskFile(target, file);
    next.setOrdeal(writeMarks({ ...seen.marks, crashed: false }));
    const memory = goal === 'off' ? undefined : await this.#memory(seen, stored, files, draft);
    if (memory?.isTemporary) undo.defer('remove the rewritten memory image', () => rm(memory.file, { force: true }));
    // Everything that can be refused has been asked for: from here on the present state is given up.
    await hypervisor.destroy(seen.dom);
    const dom = await hypervisor.define(next);
    undo.keep();
    try {
      if (memory !== undefined) {
        const flags = goal === 'on' ? Restore.running : Restore.paused;
        const args = { from: memory.file, xml: memory.xml, flags };
        await hypervisor.call(procedures.domainRestore, args, `"${dom.name}" cannot be restored`, RESTORE_MS);
      } else if (goal !== 'off') {
        const args = { dom, flags: goal === 'suspended' ? 1 : 0 };
        await hypervisor.call(procedures.domainCreate, args, `"${dom.name}" cannot be started`);
      }
    } catch (e) {
      // The state that was on them was given up. Why it failed counts for more than a file that is left.
      await Promise.allSettled([this.overlays.dropUnused(before)]);
      throw e;
    } finally {
      if (memory?.isTemporary) await rm(memory.file, { force: true });
    }
    await this.overlays.dropUnused(before);
  }

  /** The image to restore, and the XML with the new disks; a copy when the domain has another identity by now. */
  async #memory(seen: Seen, stored: StoredSnapshot, files: ReadonlyMap<string, string>, draft: Draft) {
    if (stored.memoryFile === undefined) return undefined;
    const xml = new DomainXml((await readSaveImage(stored.memoryFile)).xml);
    const present = new Map(seen.xml.disks.flatMap((d) => (d.file === undefined ? [] : [[d.target, d.file]])));
    for (const disk of xml.disks) {
      const file = files.get(disk.target) ?? present.get(disk.target);
      if (file !== undefined && file !== disk.file) xml.setDiskFile(disk.target, file);
    }
    xml.setOrdeal(writeMarks({ ...seen.marks, crashed: false }));
    if (xml.uuid === seen.xml.uuid && xml.name === seen.xml.name) {
      return { file: stored.memoryFile, xml: xml.toString(), isTemporary: false };
    }
    xml.rename(seen.xml.name, seen.xml.uuid);
    xml.separate(seen.xml.name);
    const file = join(this.folder.folderOf(stored.record.id), `${newId('memory')}.save`);
    await draft.add(file);
    await rewriteSaveImage(stored.memoryFile, xml.toString(), file);
    return { file, xml: null, isTemporary: true };
  }

  async #revertInternal(seen: Seen, stored: StoredSnapshot, goal: Goal, force: boolean): Promise<void> {
    const { dom, marks } = seen;
    for (const { target, file } of stored.disks) {
      const now = seen.xml.disks.find((d) => d.target === target)?.file;
      if (now === file) continue;
      throw new OrdealError(
        'snapshot-in-use',
        `Disk ${target} of "${dom.name}" has moved on since the internal snapshot`,
        {
          expected: file,
          got: now ?? 'no file',
          remedy: 'Delete the external snapshots taken since with --consolidate, then revert.',
        },
      );
    }
    const what = `"${dom.name}" cannot be reverted`;
    const name = { dom, name: stored.record.id, flags: 0 };
    const { snap } = await this.#hypervisor.call(procedures.domainSnapshotLookupByName, name, what);
    const wanted = goal === 'on' ? Revert.running : goal === 'suspended' ? Revert.paused : 0;
    const flags = wanted | (force ? Revert.force : 0);
    await this.#hypervisor.call(procedures.domainRevertToSnapshot, { snap, flags }, what, RESTORE_MS);
    if (goal === 'off') await this.#hypervisor.destroy(dom);
    // libvirt puts back the metadata too; ours is about now.
    await this.#hypervisor.setMarks(await this.#hypervisor.domain(seen.xml.uuid), { ...marks, crashed: false });
  }
}
