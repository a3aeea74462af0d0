import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateSnapshotRequest, Obstacle } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { type Domains, powerStateOf, type Seen } from './domains.js';
import type { Overlays } from './overlays.js';
import { freeBytes, obstacles, spaceObstacle } from './preflight.js';
import { procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';
import type { Making } from './unfinished.js';

/** virDomainMemoryStatTags: of QEMU on the host, in KiB. */
const STAT_RSS = 7;

export interface IncludedDisk {
  readonly id: string;
  readonly target: string;
  readonly file: string;
  readonly format: string;
}

/** A snapshot as it is to be taken, decided before anything is touched. */
export interface Frame extends Making {
  readonly request: CreateSnapshotRequest;
  readonly disks: readonly IncludedDisk[];
  readonly technique: 'internal' | 'external';
  /** Disk images are copied whole, so that the snapshot stands by itself. */
  readonly copies: boolean;
  readonly domainXml: string;
}

interface Wanted {
  readonly disks: readonly IncludedDisk[];
  readonly targets: ReadonlySet<string>;
  readonly warm: boolean;
  readonly internal: boolean;
  readonly copies: boolean;
}

export class CapturePlanner {
  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {}

  async plan(seen: Seen, request: CreateSnapshotRequest): Promise<Frame> {
    const { dom, xml } = seen;
    const wanted = this.#wanted(seen, request);
    const inTheWay = obstacles(seen, wanted.targets, wanted).filter((o) => o.prevents);
    if (inTheWay.length > 0) {
      const all = inTheWay.map((o) => `${o.what}; ${o.remedy}`).join('; ');
      throw new OrdealError('capability-missing', `"${dom.name}" cannot be captured: ${all}`);
    }
    const id = newId('snap');
    const { disks, internal, copies } = wanted;
    const resource = this.domains.resourceOf(seen);
    return {
      id,
      seen,
      request,
      disks,
      technique: internal ? 'internal' : 'external',
      location: request.path === undefined ? this.folder.folderOf(id) : join(request.path, id),
      copies,
      overlays: new Map(internal ? [] : disks.map((d) => [d.target, this.overlays.name(resource, d.target)])),
      // Off, it is as it will start.
      domainXml: (seen.dom.id < 0 ? xml : await this.domains.hypervisor.xml(dom, 'inactive')).toString(),
    };
  }

  /** All of it at once, with what does not prevent it but is to be known. */
  async preflight(seen: Seen, request: CreateSnapshotRequest): Promise<readonly Obstacle[]> {
    const wanted = this.#wanted(seen, request);
    const where = request.path ?? this.folder.root;
    const space = spaceObstacle(where, await this.#neededBytes(seen, wanted), await freeBytes(where));
    return [...obstacles(seen, wanted.targets, wanted), ...space];
  }

  /** @throws OrdealError of kinds vim-failed, unknown-target, capability-missing */
  #wanted(seen: Seen, request: CreateSnapshotRequest): Wanted {
    const { dom, xml } = seen;
    const state = powerStateOf(seen);
    const warm = request.type === 'warm';
    if (warm && state !== 'on' && state !== 'suspended') {
      throw new OrdealError('vim-failed', `"${dom.name}" is ${state} and has no memory to capture`, {
        remedy: 'Ask for a cold snapshot.',
      });
    }
    const internal = request.memory === 'internal' || request.disk?.file === 'internal';
    if (internal && (request.memory === 'external' || request.disk?.file === 'external')) {
      throw new OrdealError('capability-missing', 'libvirt keeps memory and disks of one snapshot in the same manner', {
        remedy: 'Ask for both internal, or both external.',
      });
    }
    const copies = request.disk?.copy === 'sequential' || request.path !== undefined;
    if (internal && copies) {
      throw new OrdealError(
        'capability-missing',
        'An internal snapshot lies inside the disk image and cannot be put elsewhere',
        { remedy: 'Leave out path and copy, or ask for external.' },
      );
    }
    const chosen = this.#chosen(seen, request);
    const disks = chosen.flatMap(([diskId, target]) => {
      const disk = xml.disks.find((d) => d.target === target);
      return disk?.file === undefined ? [] : [{ id: diskId, target, file: disk.file, format: disk.format }];
    });
    return { disks, targets: new Set(chosen.map(([, target]) => target)), warm, internal, copies };
  }

  #chosen(seen: Seen, { volumes }: CreateSnapshotRequest): [id: string, target: string][] {
    const targets = this.domains.diskTargets(seen);
    for (const id of volumes ?? []) {
      if (targets.has(id)) continue;
      throw new OrdealError('unknown-target', `"${seen.dom.name}" has no disk "${id}"`, {
        expected: `one of ${[...targets.keys()].join(', ')}`,
      });
    }
    const known = this.domains.vnfcOf(seen);
    const independent = new Set(known?.vnfc.disks.filter((d) => d.independent).map((d) => d.id));
    return [...targets].filter(([id]) => volumes?.includes(id) ?? !independent.has(id));
  }

  /** At most: pages of zeros take nothing, and QEMU has more in its memory than that of the guest. */
  async #neededBytes({ dom, xml }: Seen, { warm, internal, copies, disks }: Wanted): Promise<number> {
    const { hypervisor } = this.domains;
    let bytes = 0;
    if (warm && !internal) {
      const what = `the memory of "${dom.name}" cannot be measured`;
      const { stats } = await hypervisor.call(procedures.domainMemoryStats, { dom, maxStats: 32, flags: 0 }, what);
      const residentKiB = stats.find((s) => s.tag === STAT_RSS)?.value;
      const resident = residentKiB === undefined ? xml.memoryBytes : Number(residentKiB) * 1024;
      bytes += Math.min(resident, xml.memoryBytes);
    }
    if (copies) for (const { file } of disks) bytes += (await stat(file)).blocks * 512;
    return bytes;
  }
}
