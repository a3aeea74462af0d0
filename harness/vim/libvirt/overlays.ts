import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { until } from '../../util/deadline.js';
import { newId } from '../../util/ids.js';
import type { Domains, Seen } from './domains.js';
import type { Draft } from './drafts.js';
import { qemuImg } from './images.js';
import { procedures } from './rpc/index.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';

const COMMIT_ACTIVE = 4;
const ABORT_PIVOT = 2;
const READY_MS = 300_000;

/** The disks that grow over frozen ones. A frozen image is never written: each revert and each clone gets its own. */
export class Overlays {
  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
  ) {}

  name(resource: string, target: string): string {
    return join(this.folder.overlays, `${newId(`${resource}-${target}`)}.qcow2`);
  }

  /**
   * New disks with the content of a snapshot: overlays on its frozen ones. A copy that belongs to the snapshot is copied
   * again, so that no VM runs on a file that goes when the snapshot is deleted. @returns file by target device
   */
  async over(stored: StoredSnapshot, draft: Draft): Promise<Map<string, string>> {
    await mkdir(this.folder.overlays, { recursive: true });
    const { resource } = stored.record;
    const made = new Map(stored.disks.map(({ target }) => [target, this.name(resource, target)]));
    await draft.add(...made.values());
    try {
      for (const { target, file, format } of stored.disks) {
        const overlay = made.get(target) ?? '';
        if (this.#belongsTo(stored, file)) await qemuImg.flatten(file, overlay);
        else await qemuImg.overlay(file, format, overlay);
      }
    } catch (e) {
      await this.remove([...made.values()]);
      throw e;
    }
    return made;
  }

  /** What processes that are no more had made for a domain, as far as none uses it. @returns the files */
  async sweep(): Promise<string[]> {
    const swept: string[] = [];
    for (const { record, files } of await this.folder.drafts.ofTheDead()) {
      const there = files.filter((file) => existsSync(file));
      await this.dropUnused(there);
      // The rest is of that process alone, or a memory image that is read once: who reads it now has it open.
      for (const file of there) if (!this.#isOurs(file)) await rm(file, { recursive: true, force: true });
      await rm(record, { force: true });
      swept.push(...there.filter((file) => !existsSync(file)));
    }
    return swept;
  }

  async remove(files: readonly string[]): Promise<void> {
    for (const file of files) if (this.#isOurs(file)) await rm(file, { force: true });
  }

  /** Of these files and those below them, removes ours that no domain and no snapshot needs any more. */
  async dropUnused(candidates: readonly string[]): Promise<void> {
    const ours = candidates.filter((file) => this.#isOurs(file));
    if (ours.length === 0) return;
    const chains = await Promise.all(ours.map((file) => chainFiles(file)));
    const needed = await this.#needed();
    await this.remove(chains.flat().filter((file) => !needed.has(file)));
  }

  /**
   * Writes what the domain's disks hold since a snapshot into the file below, as long as nobody else needs that file as
   * it is: in the end the domain runs on the file that it began with. A running domain goes on meanwhile.
   */
  async consolidate(seen: Seen): Promise<void> {
    for (const disk of seen.xml.disks) {
      if (disk.file === undefined) continue;
      for (let top = disk.file; this.#isOurs(top); ) {
        const [, below] = await qemuImg.chainOf(top);
        if (below === undefined || (await this.#needed({ top, of: seen })).has(resolve(below.filename))) break;
        if (await this.domains.hypervisor.isActive(seen.dom)) await this.#commitLive(seen, disk.target, below.filename);
        else await this.#commitOff(seen, disk.target, top, below.filename);
        await this.remove([top]);
        top = below.filename;
      }
    }
  }

  /**
   * What the domain starts on next is what it runs on now: a libvirtd that is killed in the middle of a snapshot has noted the
   * new disk for the one and not for the other, and a start would go on from the file below, without what was written since.
   */
  async startOnSame({ dom, xml }: Seen): Promise<void> {
    const { hypervisor } = this.domains;
    const next = await hypervisor.xml(dom, 'inactive');
    const runsOn = new Map(xml.disks.map(({ target, file }) => [target, file]));
    const stale = next.disks.filter(
      ({ target, file }) => file !== runsOn.get(target) && this.#isOurs(runsOn.get(target)),
    );
    if (stale.length === 0) return;
    for (const { target } of stale) next.setDiskFile(target, runsOn.get(target) ?? '');
    await hypervisor.define(next);
  }

  async #commitLive({ dom }: Seen, target: string, below: string): Promise<void> {
    const { hypervisor } = this.domains;
    const what = `disk ${target} of "${dom.name}" cannot be consolidated`;
    const job = { dom, disk: target, base: below, top: null, bandwidth: 0n, flags: COMMIT_ACTIVE };
    await hypervisor.call(procedures.domainBlockCommit, job, what);
    await until(
      `Disk ${target} of "${dom.name}" is consolidated`,
      async () => {
        const at = await hypervisor.call(procedures.domainGetBlockJobInfo, { dom, path: target, flags: 0 }, what);
        if (at.found === 0 || at.cur < at.end || at.end === 0n) return false;
        // libvirt says ready a moment later than the figures do.
        return hypervisor
          .call(procedures.domainBlockJobAbort, { dom, path: target, flags: ABORT_PIVOT }, what)
          .then(() => true)
          .catch(() => false);
      },
      { withinMs: READY_MS, everyMs: 50 },
    );
  }

  async #commitOff({ dom }: Seen, target: string, top: string, below: string): Promise<void> {
    await qemuImg.commit(top);
    const xml = await this.domains.hypervisor.xml(dom, 'inactive');
    xml.setDiskFile(target, below);
    await this.domains.hypervisor.define(xml);
  }

  /**
   * Files of all chains of domains and snapshots.
   * @param apart the top of one chain of this domain: only what is below others, and what it starts on next is none of them
   */
  async #needed(apart?: { readonly top: string; readonly of: Seen }): Promise<Set<string>> {
    const { hypervisor } = this.domains;
    const needed = new Set<string>();
    const own = apart === undefined ? [] : await chainFiles(apart.top);
    for (const { disks, memoryFile } of await this.folder.all()) {
      if (memoryFile !== undefined) needed.add(resolve(memoryFile));
      for (const { file } of disks) for (const f of await chainFiles(file)) needed.add(f);
    }
    for (const { dom, xml } of await this.domains.all()) {
      const next = await hypervisor.xml(dom, 'inactive').catch(() => xml);
      const tops = [...xml.disks, ...next.disks].flatMap((d) => d.file ?? []);
      for (const top of new Set(tops)) {
        const file = resolve(top);
        if (file === own[0] || (xml.uuid === apart?.of.xml.uuid && own.includes(file))) continue;
        for (const file of await chainFiles(top)) needed.add(file);
      }
    }
    return needed;
  }

  #belongsTo({ record }: StoredSnapshot, file: string): boolean {
    const owners = [record.location, this.folder.folderOf(record.id)].map((f) => resolve(f));
    return owners.includes(dirname(resolve(file)));
  }

  #isOurs(file: string | undefined): boolean {
    return file !== undefined && dirname(resolve(file)) === this.folder.overlays;
  }
}

/**
 * A file that is not there any more has no chain. @throws for one that is there and cannot be read: what lies below it
 * may be needed, and nothing is removed then
 */
async function chainFiles(file: string): Promise<string[]> {
  if (!existsSync(file)) return [resolve(file)];
  return (await qemuImg.chainOf(file)).map((c) => resolve(c.filename));
}
