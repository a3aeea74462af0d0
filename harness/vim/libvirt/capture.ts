import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { CapturedSnapshot, ComputeId, CreateSnapshotRequest } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { monotonicMs } from '../../util/monotonic.js';
import { Undo } from '../../util/undo.js';
import { escaped } from './domain-xml.js';
import { type Domains, powerStateOf, type Seen } from './domains.js';
import { type Hypervisor, isRunning } from './hypervisor.js';
import { qemuImg } from './images.js';
import type { Overlays } from './overlays.js';
import { PauseWatch } from './pause-watch.js';
import { blockers } from './preflight.js';
import { ErrorCode, procedures } from './rpc/index.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';

/** virDomainSnapshotCreateFlags */
const Create = { noMetadata: 4, diskOnly: 16, atomic: 128, live: 256 } as const;

interface IncludedDisk {
  readonly id: string;
  readonly target: string;
  readonly file: string;
  readonly format: string;
}

interface Frame {
  readonly id: string;
  readonly seen: Seen;
  readonly request: CreateSnapshotRequest;
  readonly disks: readonly IncludedDisk[];
  readonly technique: 'internal' | 'external';
  /** Where the images of this snapshot lie. */
  readonly location: string;
  /** Disk images are copied whole, so that the snapshot stands by itself. */
  readonly copies: boolean;
  readonly domainXml: string;
}

/** VNFC snapshots of domains: 6.4.1 steps 17 to 20. */
export class Capture {
  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {}

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async take(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const seen = await this.domains.see(compute);
    const frame = await this.#plan(seen, request);
    const state = powerStateOf(seen);
    const isActive = state === 'on' || state === 'suspended';
    await using undo = new Undo();
    await this.folder.prepare();
    await mkdir(frame.location, { recursive: true });
    undo.defer('remove the unfinished snapshot', () => this.#removeFiles(frame));
    const stops = request.after === 'stopped' && isActive;
    if (stops && isRunning(seen.power)) {
      await this.#hypervisor.suspend(seen.dom);
      undo.defer('resume the VNFC', () => this.#hypervisor.resume(seen.dom));
    }
    const createdAt = new Date().toISOString();
    const watch = new PauseWatch(this.#hypervisor, seen);
    const startedAt = monotonicMs();
    try {
      if (frame.technique === 'external' && !isActive) await this.#freezeOff(frame);
      else await this.#snapshot(frame, isActive && !stops && isRunning(seen.power));
    } finally {
      watch.stop();
    }
    undo.keep();
    const wasRunning = isRunning(seen.power);
    const pausedMs = wasRunning ? watch.pausedMs(startedAt, stops) : 0;
    const record = this.#record(frame, createdAt, pausedMs);
    return {
      id: frame.id,
      computeId: compute,
      pausedMs,
      frozenAtMs: watch.frozenAtMs ?? startedAt,
      store: async () => {
        const stored = await this.#store(frame, record);
        if (stops) await this.#hypervisor.destroy(seen.dom);
        return stored.record;
      },
      discard: async () => {
        await this.#discard(frame);
        if (stops && wasRunning) await this.#hypervisor.resume(seen.dom);
      },
    };
  }

  async #plan(seen: Seen, request: CreateSnapshotRequest): Promise<Frame> {
    const { dom, xml } = seen;
    const state = powerStateOf(seen);
    const warm = request.type === 'warm';
    if (warm && state !== 'on' && state !== 'suspended') {
      throw new OrdealError('vim-failed', `"${dom.name}" is ${state} and has no memory to capture`, {
        remedy: 'Ask for a cold snapshot.',
      });
    }
    const targets = this.domains.diskTargets(seen);
    for (const id of request.volumes ?? []) {
      if (targets.has(id)) continue;
      throw new OrdealError('unknown-target', `"${dom.name}" has no disk "${id}"`, {
        expected: `one of ${[...targets.keys()].join(', ')}`,
      });
    }
    const known = this.domains.vnfcOf(seen);
    const independent = new Set(known?.vnfc.disks.filter((d) => d.independent).map((d) => d.id));
    const chosen = [...targets].filter(([id]) => request.volumes?.includes(id) ?? !independent.has(id));
    const isInternal = request.memory === 'internal' || request.disk?.file === 'internal';
    if (isInternal && (request.memory === 'external' || request.disk?.file === 'external')) {
      throw new OrdealError('capability-missing', 'libvirt keeps memory and disks of one snapshot in the same manner', {
        remedy: 'Ask for both internal, or both external.',
      });
    }
    const copies = request.disk?.copy === 'sequential' || request.path !== undefined;
    if (isInternal && copies) {
      throw new OrdealError(
        'capability-missing',
        'An internal snapshot lies inside the disk image and cannot be put elsewhere',
        {
          remedy: 'Leave out path and copy, or ask for external.',
        },
      );
    }
    const inTheWay = blockers(seen, new Set(chosen.map(([, target]) => target)), { warm, internal: isInternal });
    if (inTheWay.length > 0) {
      throw new OrdealError('capability-missing', `"${dom.name}" cannot be captured: ${inTheWay.join('; ')}`);
    }
    const id = newId('snap');
    const disks = chosen.flatMap(([diskId, target]) => {
      const disk = xml.disks.find((d) => d.target === target);
      return disk?.file === undefined ? [] : [{ id: diskId, target, file: disk.file, format: disk.format }];
    });
    return {
      id,
      seen,
      request,
      disks,
      technique: isInternal ? 'internal' : 'external',
      location: request.path === undefined ? this.folder.folderOf(id) : join(request.path, id),
      copies,
      domainXml: (await this.#hypervisor.xml(dom, 'inactive')).toString(),
    };
  }

  /** Memory and disks at one instant, by libvirt. */
  async #snapshot(frame: Frame, live: boolean): Promise<void> {
    const { id, seen, technique, disks, request } = frame;
    const external = technique === 'external';
    const warm = request.type === 'warm';
    const memory = warm
      ? external
        ? `<memory snapshot="external" file="${escaped(memoryFile(frame))}"/>`
        : '<memory snapshot="internal"/>'
      : '<memory snapshot="no"/>';
    const each = seen.xml.disks.map(({ target }) => {
      const disk = disks.find((d) => d.target === target);
      if (disk === undefined) return `<disk name="${target}" snapshot="no"/>`;
      if (!external) return `<disk name="${target}" snapshot="internal"/>`;
      const overlay = this.overlays.name(this.domains.resourceOf(seen), target);
      return `<disk name="${target}" snapshot="external"><driver type="qcow2"/><source file="${escaped(overlay)}"/></disk>`;
    });
    const xml = `<domainsnapshot><name>${id}</name>${memory}<disks>${each.join('')}</disks></domainsnapshot>`;
    const flags = external
      ? Create.atomic | Create.noMetadata | (warm ? (live ? Create.live : 0) : Create.diskOnly)
      : Create.atomic;
    const what = `the snapshot of "${seen.dom.name}" cannot be taken`;
    // A memory of many gigabytes takes minutes to write.
    const deadlineMs = request.deadlineMs || 600_000;
    await this.#hypervisor.call(procedures.domainSnapshotCreateXml, { dom: seen.dom, xml, flags }, what, deadlineMs);
  }

  /** Off: the present files are frozen, and the domain will start on new ones. */
  async #freezeOff({ seen, disks }: Frame): Promise<void> {
    const xml = await this.#hypervisor.xml(seen.dom, 'inactive');
    const made: string[] = [];
    try {
      for (const { target, file, format } of disks) {
        const overlay = this.overlays.name(this.domains.resourceOf(seen), target);
        await qemuImg.overlay(file, format, overlay);
        made.push(overlay);
        xml.setDiskFile(target, overlay);
      }
      await this.#hypervisor.define(xml);
    } catch (e) {
      await this.overlays.remove(made);
      throw e;
    }
  }

  async #store(frame: Frame, record: InstanceSnapshot): Promise<StoredSnapshot> {
    const { technique, request, copies, location } = frame;
    const warm = request.type === 'warm';
    let bytesStored = 0;
    let memoryBytes = frame.seen.xml.memoryBytes;
    if (warm && technique === 'external') {
      memoryBytes = (await stat(memoryFile(frame))).size;
      bytesStored += memoryBytes;
    }
    const disks = [];
    for (const disk of frame.disks) {
      let { file, format } = disk;
      if (copies) {
        file = join(location, `disk-${disk.id}.qcow2`);
        format = 'qcow2';
        await qemuImg.flatten(disk.file, file);
      }
      const allocated = await stat(file);
      if (technique === 'external') bytesStored += allocated.blocks * 512;
      disks.push({ id: disk.id, target: disk.target, file, format });
    }
    const stored: StoredSnapshot = {
      format: 'ordeal.libvirt-snapshot/1',
      record: {
        ...record,
        ...(warm ? { memory: { bytes: memoryBytes, technique } } : {}),
        bytesStored,
      },
      ...(request.runId === undefined ? {} : { runId: request.runId }),
      technique,
      ...(warm && technique === 'external' ? { memoryFile: memoryFile(frame) } : {}),
      domainXml: frame.domainXml,
      disks,
    };
    await this.folder.write(stored);
    if (copies) await this.#consolidate(frame);
    return stored;
  }

  async #discard(frame: Frame): Promise<void> {
    if (frame.technique === 'internal') {
      const { dom } = frame.seen;
      const args = { dom, name: frame.id, flags: 0 };
      const codes = [ErrorCode.noDomainSnapshot, ErrorCode.noDomain];
      const what = `the discarded snapshot of "${dom.name}" cannot be removed`;
      const found = await this.#hypervisor.callUnless(codes, procedures.domainSnapshotLookupByName, args, what);
      if (found) await this.#hypervisor.call(procedures.domainSnapshotDelete, { snap: found.snap, flags: 0 }, what);
    }
    await this.#removeFiles(frame);
    await this.#consolidate(frame);
  }

  async #consolidate({ seen, technique }: Frame): Promise<void> {
    if (technique === 'internal') return;
    const now = await this.domains.see(seen.xml.uuid);
    await this.overlays.consolidate(now);
  }

  async #removeFiles(frame: Frame): Promise<void> {
    await rm(frame.location, { recursive: true, force: true });
    await rm(this.folder.folderOf(frame.id), { recursive: true, force: true });
  }

  #record(
    { id, seen, request, disks, location, technique }: Frame,
    createdAt: string,
    pausedMs: number,
  ): InstanceSnapshot {
    const { xml } = seen;
    const included = new Set(disks.map((d) => d.id));
    return {
      id,
      name: request.name,
      description: request.description ?? '',
      createdAt,
      resource: this.domains.resourceOf(seen),
      computeId: xml.uuid,
      type: request.type,
      powerState: powerStateOf(seen),
      disks: [...this.domains.diskTargets(seen).keys()].map((diskId) => ({
        id: diskId,
        bytes: 0,
        included: included.has(diskId),
        ...(included.has(diskId) ? {} : { reason: 'not among the volumes asked for, or independent' }),
      })),
      infrastructure: {
        memoryBytes: xml.memoryBytes,
        vcpus: xml.vcpus,
        domain: seen.dom.name,
        technique,
        disks: xml.disks,
        interfaces: xml.interfaces,
      },
      metadata: { ...request.metadata },
      pausedMs,
      bytesStored: 0,
      location,
    };
  }
}

const memoryFile = (frame: Frame): string => join(frame.location, 'memory.save');
