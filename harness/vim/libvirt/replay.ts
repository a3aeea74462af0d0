import { randomUUID } from 'node:crypto';
import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeId, Replay, ReplayedCopy } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { Undo } from '../../util/undo.js';
import { Clones } from './clones.js';
import { addVirtualAddresses } from './core-file.js';
import { child, type DomainXml } from './domain-xml.js';
import type { Domains } from './domains.js';
import { idOf } from './hypervisor.js';
import { noMarks, writeMarks } from './marks.js';
import type { Overlays } from './overlays.js';
import { type DomainRef, procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';

/** virDomainCoreDumpFormat and virDomainCoreDumpFlags */
const DUMP_RAW = 0;
const DUMP_MEMORY_ONLY = 16;
const DUMP_MS = 600_000;
/** In the mark of every copy, so that nothing else is ever taken for one. */
const RUN_PREFIX = 'replay-';

/**
 * A snapshot with memory as a new domain that nobody defined: it is gone with its QEMU. Its NICs are taps that no bridge
 * knows, its disks are its own, and it stands still until a debugger or `virsh resume` lets it go on.
 */
export class LibvirtReplay implements Replay {
  readonly #clones: Clones;

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {
    this.#clones = new Clones(domains, folder, overlays);
  }

  async replay(snapshotId: string): Promise<ReplayedCopy> {
    const stored = await this.folder.read(snapshotId);
    const { resource } = stored.record;
    if (stored.memoryFile === undefined) {
      throw new OrdealError('capability-missing', `The snapshot of "${resource}" has no memory to be replayed`, {
        expected: 'a warm snapshot with external memory, as forensic snapshots are',
        got: `${stored.record.type}, ${stored.technique}`,
      });
    }
    const uuid = randomUUID();
    const short = uuid.slice(0, 8);
    const folder = this.#folderOf(uuid);
    await using undo = new Undo();
    await mkdir(folder, { recursive: true, mode: 0o711 });
    undo.defer('remove the folder of the copy', () => rm(folder, { recursive: true, force: true }));
    const absent: string[] = [];
    const dom = await this.#clones
      .make(stored, {
        name: `${resource}.replay-${short}`,
        uuid,
        persistent: false,
        change: (xml) => {
          absent.push(...bootFiles(xml));
          xml.isolate();
          xml.setOrdeal(
            writeMarks({
              ...noMarks,
              resource: `${resource}.replay-${short}`,
              runId: `${RUN_PREFIX}${short}`,
              inPlace: false,
            }),
          );
        },
      })
      .catch((e: unknown) => explainBoot(e, absent));
    undo.defer('end the copy', () => this.#remove(dom));
    const gdbStub = join(folder, 'gdb');
    await this.#listen(dom, gdbStub);
    const memoryDump = join(folder, 'memory.elf');
    await this.#dump(dom, memoryDump);
    undo.keep();
    return { computeId: uuid, name: dom.name, gdbStub, memoryDump };
  }

  async end(compute: ComputeId): Promise<void> {
    const dom =
      (await this.domains.hypervisor.findDomain(compute)) ?? (await this.domains.hypervisor.findByName(compute));
    if (dom === undefined) return;
    const { marks } = await this.domains.see(idOf(dom));
    if (marks.runId?.startsWith(RUN_PREFIX) !== true) {
      throw new OrdealError('busy', `"${dom.name}" is not a replayed copy and is not ended`, {
        remedy: 'Name a copy as `ordeal package replay` printed it.',
      });
    }
    await this.#remove(dom);
    await rm(this.#folderOf(idOf(dom)), { recursive: true, force: true });
  }

  async #remove(dom: DomainRef): Promise<void> {
    const { xml } = await this.domains.see(idOf(dom));
    await this.#clones.remove(dom);
    await this.overlays.dropUnused(xml.disks.flatMap((d) => d.file ?? []));
  }

  /** A unix socket: whoever may open it reads and writes the memory of the copy, so it is not for a network. */
  async #listen(dom: DomainRef, socket: string): Promise<void> {
    const said = await this.domains.hypervisor.qmp(dom, 'human-monitor-command', {
      'command-line': `gdbserver unix:${socket},server=on,wait=off`,
    });
    await access(socket).catch((e: unknown) => {
      throw new OrdealError('vim-failed', `QEMU of "${dom.name}" opens no debugger socket: ${String(said).trim()}`, {
        where: socket,
        cause: e,
        remedy: 'QEMU must be allowed to make a socket there; a shorter vims.libvirt.folder helps too.',
      });
    });
  }

  async #dump(dom: DomainRef, to: string): Promise<void> {
    const args = { dom, to, format: DUMP_RAW, flags: DUMP_MEMORY_ONLY };
    const what = `the memory of "${dom.name}" cannot be dumped`;
    await this.domains.hypervisor.call(procedures.domainCoreDump, args, what, DUMP_MS);
    await addVirtualAddresses(to);
  }

  #folderOf(uuid: string): string {
    return join(this.folder.root, 'replays', uuid.slice(0, 8));
  }
}

/** A kernel that QEMU loads itself is no part of the snapshot, and QEMU does not start without it. */
const bootFiles = (xml: DomainXml): string[] => {
  const os = child(xml.root, 'os');
  return ['kernel', 'initrd', 'loader'].flatMap((name) => child(os, name)?.textContent?.trim() || []);
};

async function explainBoot(e: unknown, files: readonly string[]): Promise<never> {
  const found = await Promise.all(
    files.map((f) =>
      access(f).then(
        () => [],
        () => [f],
      ),
    ),
  );
  const missing = found.flat();
  if (missing.length === 0) throw e;
  throw new OrdealError('file-missing', 'The machine was booted with files that are not on this host', {
    where: missing.join(', '),
    cause: e,
    remedy: 'Put the same files there: they are not in the package.',
  });
}
