import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { CapturedSnapshot, ComputeId, CreateSnapshotRequest, Obstacle } from '../../model/vim.js';
import { monotonicMs } from '../../util/monotonic.js';
import { CapturePlanner, type Frame } from './capture-plan.js';
import { escaped } from './domain-xml.js';
import { type Domains, powerStateOf } from './domains.js';
import { flushEarly } from './early-flush.js';
import { type Hypervisor, isRunning } from './hypervisor.js';
import { qemuImg } from './images.js';
import { deleteInternal } from './internal-snapshots.js';
import type { Overlays } from './overlays.js';
import { PauseWatch } from './pause-watch.js';
import { procedures } from './rpc/index.js';
import { losesWrites, ShortPause } from './short-pause.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';
import type { Unfinished } from './unfinished.js';

/** virDomainSnapshotCreateFlags */
const Create = { noMetadata: 4, diskOnly: 16, reuseExternal: 32, atomic: 128, live: 256 } as const;

/** VNFC snapshots of domains: 6.4.1 steps 17 to 20. */
export class Capture {
  readonly #planner: CapturePlanner;

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
    readonly unfinished: Unfinished,
  ) {
    this.#planner = new CapturePlanner(domains, folder, overlays);
  }

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async take(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const seen = await this.domains.see(compute);
    const frame = await this.#planner.plan(seen, request);
    const state = powerStateOf(seen);
    const isActive = state === 'on' || state === 'suspended';
    const stops = request.after === 'stopped' && isActive;
    const wasRunning = isRunning(seen.power);
    await this.unfinished.begin(frame, stops && wasRunning);
    const createdAt = new Date().toISOString();
    const watch = new PauseWatch(this.#hypervisor, seen.dom);
    const startedAt = monotonicMs();
    try {
      if (stops && wasRunning) await this.#hypervisor.suspend(seen.dom);
      if (frame.technique === 'external' && !isActive) await this.#freezeOff(frame);
      else await this.#snapshot(frame, isActive && !stops && wasRunning);
    } catch (e) {
      await this.unfinished.abandon(frame, wasRunning, e);
      throw e;
    } finally {
      watch.stop();
    }
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

  async preflight(compute: ComputeId, request: CreateSnapshotRequest): Promise<readonly Obstacle[]> {
    return this.#planner.preflight(await this.domains.see(compute), request);
  }

  /** Memory and disks at one instant, by libvirt. */
  async #snapshot(frame: Frame, live: boolean): Promise<void> {
    const { id, seen, technique, disks, overlays, request } = frame;
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
      const overlay = escaped(overlays.get(target) ?? '');
      return `<disk name="${target}" snapshot="external"><driver type="qcow2"/><source file="${overlay}"/></disk>`;
    });
    const xml = `<domainsnapshot><name>${id}</name>${memory}<disks>${each.join('')}</disks></domainsnapshot>`;
    const flags = external
      ? Create.atomic | Create.noMetadata | Create.reuseExternal | (warm ? (live ? Create.live : 0) : Create.diskOnly)
      : Create.atomic;
    const what = `the snapshot of "${seen.dom.name}" cannot be taken`;
    if (external) await this.#prepareOverlays(frame);
    // A memory of many gigabytes takes minutes to write.
    const deadlineMs = request.deadlineMs || 600_000;
    const work = () =>
      this.#hypervisor.call(procedures.domainSnapshotCreateXml, { dom: seen.dom, xml, flags }, what, deadlineMs);
    if (!external || !warm || !live) return void (await work());
    const pause = (await losesWrites(this.#hypervisor, seen))
      ? await ShortPause.inOnePass(this.#hypervisor, seen)
      : await ShortPause.begin(this.#hypervisor, seen);
    const written = work();
    // How the flush went says nothing of the snapshot: libvirt flushes all of it again, and says how that went.
    const flushed = Promise.allSettled([flushEarly(memoryFile(frame), written)]);
    try {
      await written;
    } finally {
      await pause.end();
      await flushed;
    }
  }

  /** Made beforehand: libvirt would make them while the guest stands still. */
  async #prepareOverlays({ seen: { dom }, disks, overlays }: Frame): Promise<void> {
    await Promise.all(
      disks.map(async ({ target, file, format }) => {
        const what = `disk ${target} of "${dom.name}" cannot be measured`;
        const args = { dom, path: target, flags: 0 };
        const { capacity } = await this.#hypervisor.call(procedures.domainGetBlockInfo, args, what);
        await qemuImg.overlayInWaiting(file, format, overlays.get(target) ?? '', capacity);
      }),
    );
  }

  /** Off: the present files are frozen, and the domain will start on new ones. */
  async #freezeOff({ seen, disks, overlays }: Frame): Promise<void> {
    const xml = await this.#hypervisor.xml(seen.dom, 'inactive');
    for (const { target, file, format } of disks) {
      const overlay = overlays.get(target) ?? '';
      await qemuImg.overlay(file, format, overlay);
      xml.setDiskFile(target, overlay);
    }
    await this.#hypervisor.define(xml);
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
    if (frame.technique === 'internal') await deleteInternal(this.#hypervisor, frame.seen.xml.uuid, frame.id);
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
