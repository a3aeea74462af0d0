import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RevertOptions } from '../../../model/vim.js';
import { classifyIo, OrdealError } from '../../../util/errors.js';
import { Undo } from '../../../util/undo.js';
import { pageBytes } from '../deployment.js';
import { findPrepared } from '../loader.js';
import type { SnapshotFolder, StoredSnapshot } from '../snapshot-folder.js';
import type { Capturer } from './capturer.js';
import type { Compute } from './compute.js';
import type { Nfvi } from './nfvi.js';
import type { ReactorThread } from './reactor-thread.js';
import type { Rooms } from './rooms.js';
import { decodeState, type StateImage } from './state-image.js';
import type { Store } from './store.js';
import { type DiskShare, newDisk, VirtualDisk } from './virtual-disk.js';

/** A container's state as a snapshot has it, made ready beside the one that runs. */
interface Materialised {
  readonly stored: StoredSnapshot;
  readonly state: StateImage;
  readonly disks: readonly DiskShare[];
  /** Absent for a cold snapshot. It stands still. */
  readonly thread?: ReactorThread;
}

/** Reverts to VNFC snapshots: the state is made ready beside what runs, then threads are changed. */
export class Reverter {
  constructor(
    readonly nfvi: Nfvi,
    readonly store: Store,
    readonly folder: SnapshotFolder,
    readonly parents: Capturer['parents'],
    readonly rooms: Rooms,
  ) {}

  /** Called within the compute resource's turn. On failure nothing has changed. */
  async revert(
    compute: Compute,
    snapshotId: string,
    { state: wanted, force = false, host }: RevertOptions,
  ): Promise<void> {
    if (host !== undefined && host !== 'local') {
      throw new OrdealError('capability-missing', 'The embedded VIM has one host only', {
        expected: '"local"',
        got: `"${host}"`,
      });
    }
    if (compute.quarantined) {
      throw new OrdealError(
        'busy',
        `VNFC "${compute.id}" is quarantined by run ${compute.runId}: its state is evidence`,
        {
          remedy: 'Restore the snapshot as a new one, or end the quarantine first.',
        },
      );
    }
    const stored = await this.folder.read(snapshotId);
    const then = stored.record.powerState;
    const goal = wanted ?? (then === 'crashed' ? 'off' : then);
    const it = await this.materialise(compute, stored, force, goal !== 'off');
    if (it.thread !== undefined) {
      await compute.replaceThread(it.thread, it.disks, goal === 'suspended' ? ['operator'] : []);
    } else {
      await compute.leave('off', '');
      compute.disks = it.disks;
      if (goal !== 'off') await compute.start();
      if (goal === 'suspended') await compute.hold('operator');
    }
    this.parents.set(compute.id, snapshotId);
    this.rooms.collectSoon();
    const slot = this.nfvi.slot(compute.spec.resource);
    if (compute.inPlace) for (const point of slot.points.values()) point.turnAwaySince(it.state.handleWatermark);
    compute.log.line(1, `[nfvi] reverted to snapshot ${snapshotId} ("${stored.record.name}"), ${goal}`);
  }

  /** The state of the snapshot, in a thread and on disks of its own. @param toRun whether a thread is wanted at all */
  async materialise(compute: Compute, stored: StoredSnapshot, force: boolean, toRun: boolean): Promise<Materialised> {
    const { record, images } = stored;
    if (record.resource !== compute.spec.resource) {
      throw new OrdealError(
        'unknown-target',
        `Snapshot "${record.id}" is of "${record.resource}", not of "${compute.spec.resource}"`,
      );
    }
    const file = join(record.location, 'state.json');
    const state = decodeState(await readFile(file, 'utf8').catch((e) => Promise.reject(classifyIo(e, file))), file);
    if (!state.eventBoundary && !force && record.type === 'warm') {
      throw new OrdealError('vim-failed', `Snapshot "${record.id}" is what was left of a crash: it cannot run on`, {
        remedy: 'Use it to look for the bug. Revert with force to run it nevertheless.',
      });
    }
    await using undo = new Undo();
    const toLoad: { file: string; sizeBytes: number; sha256: string; into: SharedArrayBuffer }[] = [];
    const disks = compute.disks.map((disk) => {
      const image = images.find((i) => i.name === `disk-${disk.id}.raw`);
      if (image === undefined) return disk;
      const fresh = newDisk(disk.id, image.sizeBytes);
      toLoad.push({ ...image, file: join(record.location, image.name), into: fresh.data });
      return fresh;
    });
    let thread: ReactorThread | undefined;
    const memoryImage = images.find((i) => i.role === 'memory');
    if (toRun && memoryImage !== undefined && state.reactor !== undefined) {
      const memory = await this.#room(compute, state.moduleSha256, memoryImage.sizeBytes);
      const made = compute.newThread(memory, state.moduleSha256, disks, true);
      thread = made;
      undo.defer('end the new thread', () => made.terminate());
      await made.up('ready', 10_000);
      toLoad.push({ ...memoryImage, file: join(record.location, memoryImage.name), into: memory.buffer });
    }
    const damaged = await this.store.run({ what: 'load', images: toLoad, force });
    for (const image of damaged) compute.log.line(3, `[nfvi] ${image} has the wrong checksum; used by force`);
    for (const disk of disks) if (!compute.disks.includes(disk)) new VirtualDisk(disk).recount();
    if (thread !== undefined && state.reactor !== undefined) await thread.restore(state.reactor, 10_000);
    undo.keep();
    return { stored, state, disks, ...(thread === undefined ? {} : { thread }) };
  }

  async #room(compute: Compute, sha256: string, bytes: number): Promise<WebAssembly.Memory> {
    const module = await findPrepared(this.nfvi.plan.modulesFolder, sha256);
    if (module === undefined) {
      throw new OrdealError('file-missing', `The module that the snapshot was taken from is not known here`, {
        expected: `SHA-256 ${sha256}`,
        got: compute.spec.module.sha256,
        remedy: 'Instantiate the service with that version of its module once.',
      });
    }
    await this.nfvi.compile(module);
    const maximum = Math.max(
      Math.min(Math.floor(compute.spec.memoryMaxBytes / pageBytes), module.maximumPages),
      bytes / pageBytes,
    );
    return new WebAssembly.Memory({ initial: bytes / pageBytes, maximum, shared: true });
  }
}
