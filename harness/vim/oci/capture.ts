import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { CapturedSnapshot, ComputeId, CreateSnapshotRequest } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { allEnded } from '../../util/settled.js';
import { Undo } from '../../util/undo.js';
import type { Cgroup } from './cgroup.js';
import { SAID_BY_CRIU, SPEC } from './checkpoint-archive.js';
import type { Connection, Connections } from './connections.js';
import { type Containers, monotonicMs, type Seen } from './containers.js';
import type { Dumps } from './dump.js';
import type { OciContainer, Volume } from './engine.js';
import { noMarks, type OciFolder, type StoredSnapshot } from './folder.js';
import { syncFiles, type Trees } from './trees.js';

const CAPTURE_MS = 600_000;

interface Frame {
  readonly id: string;
  readonly seen: Seen;
  readonly request: CreateSnapshotRequest;
  readonly disks: readonly (readonly [id: string, volume: Volume])[];
  readonly location: string;
  readonly cgroup: Cgroup | undefined;
}

/** VNFC snapshots of containers: memory, writable layer and volumes at one frozen moment. 6.4.1 steps 17 to 20. */
export class Capture {
  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly dumps: Dumps,
    readonly trees: Trees,
    readonly connections: Connections,
  ) {}

  async take(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const frame = await this.#plan(await this.containers.see(compute), request);
    const { seen, cgroup } = frame;
    await using undo = new Undo();
    undo.defer('remove the unfinished snapshot', () => this.#remove(frame));
    await this.#prepare(frame);
    const createdAt = new Date().toISOString();
    const freezes = seen.powerState === 'on' && cgroup !== undefined;
    const stops = request.after === 'stopped' && cgroup !== undefined;
    const callOff = freezes ? cgroup.watchdog(request.deadlineMs || CAPTURE_MS) : () => {};
    if (freezes) undo.defer('thaw the container', () => cgroup.thaw());
    let pausedMs = 0;
    let connections: readonly Connection[] = [];
    let frozenAtMs = monotonicMs();
    try {
      if (freezes) {
        await cgroup.freeze();
        frozenAtMs = monotonicMs();
      }
      // The dump takes longest: it is begun first.
      [, connections] = await Promise.all([this.#copy(frame), this.#connections(frame)]);
      if (freezes && !stops) {
        await cgroup.thaw();
        pausedMs = monotonicMs() - frozenAtMs;
      }
    } finally {
      callOff();
    }
    undo.keep();
    const record = this.#record(frame, createdAt, pausedMs);
    return {
      id: frame.id,
      computeId: compute,
      pausedMs,
      frozenAtMs,
      store: async () => {
        const stored = await this.#store(frame, record, connections);
        if (stops) {
          await this.folder.setMarks(compute, { ...((await this.folder.marks(compute)) ?? noMarks), stopped: true });
          await this.containers.engine.kill(seen.container);
        }
        return stored.record;
      },
      discard: async () => {
        if (freezes && stops) await cgroup.thaw();
        await this.#remove(frame);
      },
    };
  }

  async #plan(seen: Seen, request: CreateSnapshotRequest): Promise<Frame> {
    const { container, powerState, marks } = seen;
    const { name } = container;
    if (marks.pending !== undefined) {
      throw new OrdealError('busy', `"${name}" still waits for the memory of snapshot "${marks.pending.snapshot}"`, {
        remedy: 'Resume it first.',
      });
    }
    const warm = request.type === 'warm';
    const runs = powerState === 'on' || powerState === 'suspended';
    if (warm && !runs) {
      throw new OrdealError('vim-failed', `"${name}" is ${powerState} and has no memory to capture`, {
        remedy: 'Ask for a cold snapshot.',
      });
    }
    const lacking = [
      ...(request.memory === 'internal' ? ['memory inside of a disk image: a container has no such image'] : []),
      ...(request.disk?.file === 'internal' ? ['disk snapshots inside of a disk image: a layer is a directory'] : []),
      ...(request.disk?.copy === 'incremental' ? ['incremental disks: layers are copied whole'] : []),
    ];
    if (lacking.length > 0)
      throw new OrdealError('capability-missing', `Containers have no ${lacking.join(', and no ')}`);
    const all = this.containers.disks(seen);
    for (const id of request.volumes ?? []) {
      if (all.has(id)) continue;
      throw new OrdealError('unknown-target', `"${name}" has no disk "${id}"`, {
        expected: `one of ${[...all.keys()].join(', ')}`,
      });
    }
    const declared = this.containers.vnfcOf(seen)?.vnfc.disks ?? [];
    const independent = new Set(declared.filter((d) => d.independent).map((d) => d.id));
    const id = newId('snap');
    const cgroup = runs ? await this.containers.cgroup(seen) : undefined;
    if (warm && cgroup !== undefined) {
      const inTheWay = await this.dumps.blockers(container, cgroup);
      if (inTheWay.length > 0) {
        throw new OrdealError(
          'capability-missing',
          `"${name}" cannot be captured with its memory: ${inTheWay.join('; ')}`,
        );
      }
    }
    return {
      id,
      seen,
      request,
      disks: [...all].filter(([disk]) => request.volumes?.includes(disk) ?? !independent.has(disk)),
      location: request.path === undefined ? this.folder.folderOf(id) : join(request.path, id),
      cgroup,
    };
  }

  /** All that can be done while it runs still. */
  async #prepare({ id, request, location }: Frame): Promise<void> {
    await this.folder.begin(id, location);
    if (request.type === 'warm') await this.dumps.prepare(join(location, 'memory'), join(location, 'work'));
  }

  /** Prerequisite: nothing of it runs. */
  async #copy({ seen: { container }, request, disks, location }: Frame): Promise<void> {
    const works = [
      ...(request.type === 'warm'
        ? [
            this.dumps.take(container, join(location, 'memory'), join(location, 'work')),
            this.#copySpec(container, location),
          ]
        : []),
      this.trees.copy(container.layer, join(location, 'layer')),
      ...disks.map(([id, { source }]) => this.trees.copy(source, join(location, `disk-${id}`))),
    ];
    // All of them have ended before it is thawed.
    await allEnded(works);
  }

  async #copySpec(container: OciContainer, location: string): Promise<void> {
    await writeFile(join(location, SPEC), await this.dumps.specOf(container), { mode: 0o600 });
  }

  async #connections({ request, seen }: Frame): Promise<Connection[]> {
    return request.type === 'warm' ? this.connections.of(seen.container.pid) : [];
  }

  async #store(frame: Frame, record: InstanceSnapshot, connections: readonly Connection[]): Promise<StoredSnapshot> {
    const { seen, request, disks, location } = frame;
    const warm = request.type === 'warm';
    if (warm) await syncFiles(join(location, 'memory'));
    const work = join(location, 'work');
    const said = warm ? (await readdir(work)).filter((name) => SAID_BY_CRIU.includes(name)) : [];
    for (const name of said) await rename(join(work, name), join(location, name));
    await rm(work, { recursive: true, force: true });
    const bytes = await this.trees.bytesOf(location);
    const stored: StoredSnapshot = {
      format: 'ordeal.oci-snapshot/1',
      record: {
        ...record,
        infrastructure: {
          ...record.infrastructure,
          connections: connections.map(({ local, peer }) => ({ local, peer })),
        },
        ...(warm ? { memory: { bytes: bytes.get('memory') ?? 0, technique: 'external' as const } } : {}),
        bytesStored: bytes.get('') ?? 0,
      },
      ...(request.runId === undefined ? {} : { runId: request.runId }),
      spec: { ...seen.container.spec },
      restartPolicy: seen.marks.restartPolicy ?? seen.container.restartPolicy,
      image: seen.container.image,
      labels: { ...seen.container.labels },
      volumes: disks.map(([disk, { destination, name }]) => ({
        id: disk,
        destination,
        ...(name === undefined ? {} : { name }),
      })),
      hasMemory: warm,
      ...(seen.container.startedAt === undefined ? {} : { boot: seen.container.startedAt }),
      connections: [...connections],
    };
    await this.folder.write(stored);
    return stored;
  }

  async #remove({ id, location }: Frame): Promise<void> {
    await rm(location, { recursive: true, force: true });
    await rm(this.folder.folderOf(id), { recursive: true, force: true });
  }

  #record({ id, seen, request, disks, location }: Frame, createdAt: string, pausedMs: number): InstanceSnapshot {
    const { container, resource, powerState } = seen;
    const included = new Set(disks.map(([disk]) => disk));
    return {
      id,
      name: request.name,
      description: request.description ?? '',
      createdAt,
      resource,
      computeId: container.id,
      type: request.type,
      powerState,
      disks: [...this.containers.disks(seen).keys()].map((disk) => ({
        id: disk,
        bytes: 0,
        included: included.has(disk),
        ...(included.has(disk) ? {} : { reason: 'not among the volumes asked for, or independent' }),
      })),
      infrastructure: {
        memoryBytes: container.memoryBytes,
        vcpus: container.vcpus,
        container: container.name,
        networks: container.networks,
        volumes: container.volumes,
      },
      metadata: { ...request.metadata },
      pausedMs,
      bytesStored: 0,
      location,
    };
  }
}
