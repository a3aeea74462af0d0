import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../../model/snapshot.js';
import type { CreateSnapshotRequest } from '../../../model/vim.js';
import { OrdealError } from '../../../util/errors.js';
import { newId } from '../../../util/ids.js';
import { Undo } from '../../../util/undo.js';
import type { SnapshotFolder, StoredSnapshot } from '../snapshot-folder.js';
import { boundaryDeadlineMs, type Compute } from './compute.js';
import { monotonicMs } from './control.js';
import type { Nfvi } from './nfvi.js';
import { contentOf } from './reactor-thread.js';
import type { Rooms } from './rooms.js';
import { encodeState, type StateImage } from './state-image.js';
import type { Store } from './store.js';
import type { ImageToWrite } from './store-protocol.js';
import type { Answers, Question } from './thread-protocol.js';
import { type DiskShare, VirtualDisk } from './virtual-disk.js';

interface Captured {
  readonly id: string;
  readonly compute: Compute;
  readonly request: CreateSnapshotRequest;
  readonly createdAt: string;
  readonly frozenAtMs: number;
  readonly pausedMs: number;
  readonly powerState: InstanceSnapshot['powerState'];
  readonly memory?: { readonly image: SharedArrayBuffer | Uint8Array; readonly bytes: number };
  readonly disks: InstanceSnapshot['disks'];
  readonly diskImages: readonly ImageToWrite[];
  readonly state: StateImage;
  /** It is stopped when the snapshot is stored, and stands still until then. */
  readonly stopAfterwards: boolean;
}

/** Takes VNFC snapshots in two phases: captured in memory while the VNFC waits, stored while it runs again. */
export class Capturer {
  readonly #captured = new Map<string, Captured>();
  /** The snapshot that a container's state comes from, or was last stored in. */
  readonly parents = new Map<string, string>();
  #copying: Promise<unknown> = Promise.resolve();

  constructor(
    readonly nfvi: Nfvi,
    readonly store: Store,
    readonly folder: SnapshotFolder,
    readonly rooms: Rooms,
  ) {}

  /** Called within the compute resource's turn. */
  async capture(compute: Compute, request: CreateSnapshotRequest): Promise<Captured> {
    const deadlineMs = request.deadlineMs || boundaryDeadlineMs;
    const warm = request.type === 'warm';
    this.#refuse(compute, request, warm);
    const { disks, included } = this.#disks(compute, request);
    const powerState = compute.powerState;
    const before = compute.frozenAtMs;
    const stopAfterwards = request.after === 'stopped' && compute.thread !== undefined;
    const id = newId('snap');
    const room = warm && compute.thread !== undefined ? await this.#room(compute) : undefined;
    // What a disk never held is not touched in its copy either.
    const targets = included.map((disk) => ({ disk, into: new SharedArrayBuffer(disk.sizeBytes) }));
    const diskImages = targets.map(({ disk, into }) => ({
      name: `disk-${disk.id}.raw`,
      from: into,
      sizeBytes: disk.sizeBytes,
    }));
    const common = {
      id,
      compute,
      request,
      createdAt: new Date().toISOString(),
      powerState,
      disks,
      diskImages,
      stopAfterwards,
    };
    const stateOf = (eventBoundary: boolean) => ({
      moduleSha256: compute.spec.module.sha256,
      handleWatermark: this.nfvi.handles.watermark,
      eventBoundary,
    });
    let captured: Captured;
    if (compute.thread !== undefined) {
      if (stopAfterwards) await compute.hold(`capture:${id}`, deadlineMs);
      const copies = targets.map(({ disk, into }) => ({ index: compute.disks.indexOf(disk), into }));
      const question = { what: 'capture' as const, memory: room ?? warm, disks: copies };
      try {
        const got = await this.#copy(compute, question, deadlineMs);
        captured = {
          ...common,
          frozenAtMs: compute.frozenAtMs ?? got.frozenAtMs,
          // It stood still anyway when it was suspended before.
          pausedMs: before === undefined ? got.tookMs : 0,
          ...(got.memory === undefined ? {} : { memory: { image: got.memory, bytes: got.memoryBytes } }),
          state: { ...stateOf(true), ...(warm ? { reactor: got.state } : {}) },
        };
      } catch (e) {
        compute.release(`capture:${id}`);
        // A late copy may still be written to the room: it is given up.
        this.rooms.collectSoon();
        throw e;
      }
    } else {
      // Nobody writes to what is off: what is left of a crash is not even copied.
      for (const { disk, into } of targets) new VirtualDisk(disk).copyInto(new Uint8Array(into));
      const { dump } = compute;
      const memory = dump && contentOf(dump.memory);
      const reactor = dump && { globals: dump.globals, timers: [], inbox: [], monotonicMs: 0, startPending: false };
      captured = {
        ...common,
        frozenAtMs: monotonicMs(),
        pausedMs: 0,
        ...(warm && memory !== undefined ? { memory: { image: memory, bytes: memory.length } } : {}),
        state: { ...stateOf(!warm), ...(warm && reactor !== undefined ? { reactor } : {}) },
      };
    }
    this.#captured.set(id, captured);
    return captured;
  }

  /** @param isGone whether nobody waits for it any more: then nothing is listed, as nobody would know of it */
  async keep(id: string, isGone: () => boolean = () => false): Promise<InstanceSnapshot> {
    const captured = this.#take(id);
    const { compute, request } = captured;
    const state = encodeState(captured.state);
    const files: ImageToWrite[] = [
      ...(captured.memory
        ? [{ name: 'memory.raw', from: captured.memory.image, sizeBytes: captured.memory.bytes }]
        : []),
      ...captured.diskImages,
      { name: 'state.json', from: state, sizeBytes: state.length },
    ];
    await using undo = new Undo();
    using _ = { [Symbol.dispose]: () => this.#giveBack(captured) };
    if (captured.stopAfterwards) undo.defer('let the VNFC run', () => compute.release(`capture:${id}`));
    const folder = await this.folder.begin(id);
    undo.defer('remove the unfinished snapshot', () => rm(folder, { recursive: true, force: true }));
    const elsewhere = request.path === undefined ? undefined : join(request.path, id);
    if (elsewhere !== undefined) {
      undo.defer('remove the images', () => rm(elsewhere, { recursive: true, force: true }));
    }
    const written = await this.store.run({ what: 'write', folder: elsewhere ?? folder, files });
    const role = (name: string) => (name === 'memory.raw' ? 'memory' : name === 'state.json' ? 'state' : 'disk');
    const stored: StoredSnapshot = {
      format: 'ordeal.embedded-snapshot/1',
      record: this.#record(captured, written.bytesStored, elsewhere ?? this.folder.folderOf(id)),
      images: files.map(({ name, sizeBytes }, i) => ({
        name,
        role: role(name),
        sizeBytes,
        sha256: written.sha256[i] ?? '',
      })),
    };
    if (isGone()) throw new OrdealError('vim-unreachable', `Snapshot "${id}" was given up: its client has gone`);
    await this.folder.commit(id, folder, stored);
    undo.keep();
    this.parents.set(compute.id, id);
    if (captured.stopAfterwards) await compute.exclusively(() => compute.leave('off', ''));
    return stored.record;
  }

  discard(id: string): void {
    const captured = this.#captured.get(id);
    this.#captured.delete(id);
    captured?.compute.release(`capture:${id}`);
    if (captured !== undefined) this.#giveBack(captured);
  }

  #giveBack({ memory, diskImages }: Captured): void {
    // What is left of a crash is not ours to give.
    if (memory?.image instanceof SharedArrayBuffer) this.rooms.giveBack(memory.image);
    if (diskImages.length > 0) this.rooms.collectSoon();
  }

  #refuse(compute: Compute, request: CreateSnapshotRequest, warm: boolean): void {
    const cannot = (what: string, remedy: string): never => {
      throw new OrdealError('capability-missing', what, { remedy });
    };
    if (request.memory === 'internal') {
      cannot('A memory image inside a disk image is not possible on the embedded VIM', 'Use memory: external.');
    }
    if (request.disk?.file === 'internal') {
      cannot('A disk snapshot inside the disk is not possible on the embedded VIM', 'Use disk.file: external.');
    }
    if (request.disk?.copy === 'incremental') {
      cannot('The embedded VIM copies its disks whole', 'Use disk.copy: sequential.');
    }
    if (warm && compute.thread === undefined && compute.dump === undefined) {
      throw new OrdealError('vim-failed', `VNFC "${compute.id}" is ${compute.power}: it has no memory to capture`, {
        remedy: 'Take a cold snapshot, or start it first.',
      });
    }
  }

  #disks(compute: Compute, { volumes }: CreateSnapshotRequest) {
    const unknown = volumes?.find((v) => !compute.disks.some((d) => d.id === v));
    if (unknown !== undefined) {
      throw new OrdealError('unknown-target', `VNFC "${compute.id}" has no disk "${unknown}"`, {
        expected: `one of ${compute.disks.map((d) => d.id).join(', ') || 'none'}`,
      });
    }
    const included: DiskShare[] = [];
    const disks = compute.disks.map((share): InstanceSnapshot['disks'][number] => {
      const independent = compute.spec.disks.find((d) => d.id === share.id)?.independent ?? false;
      const reason = independent
        ? 'independent disk'
        : volumes !== undefined && !volumes.includes(share.id)
          ? 'not among the volumes asked for'
          : volumes !== undefined || new VirtualDisk(share).attached
            ? undefined
            : 'detached';
      if (reason === undefined) included.push(share);
      return {
        id: share.id,
        bytes: share.sizeBytes,
        included: reason === undefined,
        ...(reason === undefined ? {} : { reason }),
      };
    });
    return { disks, included };
  }

  #record(captured: Captured, bytesStored: number, location: string): InstanceSnapshot {
    const { compute, request, memory } = captured;
    const parent = this.parents.get(compute.id);
    const { resources, connectionPoints } = this.nfvi.inspect(compute);
    return {
      id: captured.id,
      name: request.name,
      description: request.description ?? '',
      createdAt: captured.createdAt,
      resource: compute.spec.resource,
      computeId: compute.id,
      type: request.type,
      powerState: captured.powerState,
      ...(parent === undefined ? {} : { parent }),
      ...(memory === undefined ? {} : { memory: { bytes: memory.bytes, technique: 'external' as const } }),
      disks: captured.disks,
      infrastructure: {
        ...resources,
        connectionPoints,
        module: captured.state.moduleSha256,
        eventBoundary: captured.state.eventBoundary,
        boots: compute.boots,
        condition: compute.condition,
        config: JSON.parse(compute.spec.config),
      },
      metadata: { ...request.metadata, ...(request.runId === undefined ? {} : { runId: request.runId }) },
      pausedMs: captured.pausedMs,
      bytesStored,
      location,
    };
  }

  /** Room that costs no page faults while the VNFC waits; a VNFC that stands still already must not wait for it. */
  async #room(compute: Compute): Promise<SharedArrayBuffer | undefined> {
    const bytes = contentOf(compute.running().memory).length;
    const room = this.rooms.take(bytes);
    if (room !== undefined || compute.frozenAtMs !== undefined) return room;
    return (await this.store.run({ what: 'reserve', sizes: [bytes] }))[0];
  }

  /** One copy at a time while VNFCs run: two at once would each take twice as long. Those that stand still go together. */
  async #copy(
    compute: Compute,
    question: Extract<Question, { what: 'capture' }>,
    deadlineMs: number,
  ): Promise<Answers['capture']> {
    if (compute.frozenAtMs !== undefined) return compute.running().ask(question, deadlineMs);
    const turn = this.#copying;
    const copy = turn.then(() => compute.running().ask(question, deadlineMs));
    // Whose copy it is gets the failure; the next in turn only waits for the end.
    this.#copying = copy.catch(() => undefined);
    return copy;
  }

  #take(id: string): Captured {
    const captured = this.#captured.get(id);
    if (captured === undefined) {
      throw new OrdealError('snapshot-missing', `There is no captured snapshot "${id}" to be stored`, {
        remedy: 'It was stored or discarded already, or its client went away.',
      });
    }
    this.#captured.delete(id);
    return captured;
  }
}
