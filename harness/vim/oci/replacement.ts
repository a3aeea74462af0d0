import type { ComputeId, ComputeState, Replacement } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { allEnded } from '../../util/settled.js';
import { Undo } from '../../util/undo.js';
import type { Containers, Seen } from './containers.js';
import { resourceLabel, runLabel, serviceLabel } from './engine.js';
import { noMarks, type OciFolder } from './folder.js';
import type { Images } from './images.js';
import type { Power } from './power.js';
import type { Reversion } from './reversion.js';

/**
 * Steps 7 and 8 of clause 4.1.1.4. The new container is created with the files of the snapshot; its memory comes back
 * when it is switched over, as only then the addresses of the failed one are its own.
 */
export class OciReplacement implements Replacement {
  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly power: Power,
    readonly reversion: Reversion,
    readonly images: Images,
    readonly turn: <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>,
  ) {}

  quarantine(compute: ComputeId, runId: string): Promise<void> {
    return this.turn(compute, async () => {
      const seen = await this.containers.see(compute);
      const { container, marks, powerState } = seen;
      const { engine } = this.containers;
      if (marks.quarantined) this.#mustBelongTo(seen, runId);
      else {
        // Marked first: what is half quarantined is found, and is given back or finished.
        await this.folder.setMarks(compute, {
          ...marks,
          resource: seen.resource,
          runId,
          quarantined: true,
          wasRunning: powerState === 'on',
          networks: container.networks.map((n) => ({ ...n, aliases: [...n.aliases] })),
          restartPolicy: container.restartPolicy,
        });
      }
      if (powerState === 'on') await (await this.containers.cgroup(seen)).freeze();
      if (container.restartPolicy !== 'no') await engine.setRestartPolicy(container, 'no');
      await engine.disconnect(container);
    });
  }

  unquarantine(compute: ComputeId, runId: string): Promise<void> {
    return this.turn(compute, async () => {
      const seen = await this.containers.see(compute);
      const { marks, container, resource, powerState } = seen;
      if (!marks.quarantined) return;
      this.#mustBelongTo(seen, runId);
      // Once another one stands in its place it stays what it is: evidence.
      const inPlace = await this.containers.findInPlace(resource);
      if (inPlace !== undefined && inPlace.container.id !== compute) return;
      await this.containers.engine.connect(container, marks.networks);
      const policy = marks.restartPolicy;
      if (policy !== undefined && policy !== 'no') await this.containers.engine.setRestartPolicy(container, policy);
      if (marks.wasRunning && powerState === 'suspended') await (await this.containers.cgroup(seen)).thaw();
      const { runId: _, restartPolicy: __, ...rest } = marks;
      await this.folder.setMarks(compute, { ...rest, quarantined: false, wasRunning: false, networks: [] });
    });
  }

  async restoreAsNew(snapshotId: string, runId: string): Promise<ComputeId> {
    const stored = await this.folder.read(snapshotId);
    const { engine } = this.containers;
    const { resource, powerState } = stored.record;
    if (stored.hasMemory) {
      const reason = await engine.cannotRestore();
      if (reason !== undefined)
        throw new OrdealError('capability-missing', `No memory can be restored here: ${reason}`);
    }
    await this.images.provideFor(stored.spec, resource);
    const suffix = newId('').slice(-6);
    const name = `${resource}.${suffix}`;
    const labels = {
      ...stored.labels,
      [serviceLabel]: this.containers.serviceId,
      [resourceLabel]: resource,
      [runLabel]: runId,
    };
    await using undo = new Undo();
    const volumes: Record<string, string> = {};
    const sources = new Map<string, string>();
    for (const { id, destination } of stored.volumes) {
      const volume = `${resource}.${id}.${suffix}`;
      undo.defer(`remove volume ${volume}`, () => engine.removeVolume(volume));
      sources.set(destination, await engine.createVolume(volume, labels));
      volumes[destination] = volume;
    }
    const compute = await engine.create(stored.spec, { name, labels, volumes });
    undo.defer(`remove container ${name}`, () => this.#remove(compute));
    await this.folder.setMarks(compute, {
      ...noMarks,
      resource,
      runId,
      stopped: true,
      wasRunning: powerState === 'on' || powerState === 'suspended',
    });
    const { container, marks } = await this.containers.see(compute);
    await this.reversion.restoreFiles(stored, container.layer, (destination) => sources.get(destination));
    if (stored.hasMemory) await this.folder.setMarks(compute, { ...marks, pending: this.reversion.pending(stored) });
    undo.keep();
    return compute;
  }

  /** All or none: what was switched before a failure is put back. */
  async switchOver(
    pairs: readonly { readonly resource: string; readonly to: ComputeId }[],
    runId: string,
  ): Promise<void> {
    await using undo = new Undo();
    const fresh: Seen[] = [];
    for (const { resource, to } of pairs) {
      const after = await this.containers.see(to);
      const before = await this.containers.findInPlace(resource);
      if (before?.container.id === to && after.marks.runId === undefined) continue;
      this.#mustBelongTo(after, runId);
      if (after.resource !== resource) {
        throw new OrdealError('unknown-target', `"${after.container.name}" cannot stand in for "${resource}"`);
      }
      if (before !== undefined && before.container.id !== to && !before.marks.quarantined) {
        const { id } = before.container;
        undo.defer(`end the quarantine of ${resource}`, () => this.unquarantine(id, runId));
        await this.quarantine(id, runId);
      }
      // One write: before it the old one stands for the resource, after it the new one, whatever their names are.
      undo.defer(`give ${resource} its place back`, () => this.folder.setPlace(resource, before?.container.id));
      await this.folder.setPlace(resource, to);
      fresh.push(after);
    }
    await allEnded(
      fresh.map(async ({ container, marks }) => {
        undo.defer(`stop ${container.name}`, () => this.#takeBack(container.id, marks.pending));
        if (marks.pending !== undefined) await this.power.resume(container.id);
        else if (marks.wasRunning) await this.power.start(container.id);
      }),
    );
    undo.keep();
    for (const { container, resource } of fresh) {
      const { runId: _, ...rest } = (await this.folder.marks(container.id)) ?? noMarks;
      await this.folder.setMarks(container.id, { ...rest, wasRunning: false });
      await this.#rename(container.id, resource);
    }
  }

  async release(compute: ComputeId, runId: string): Promise<void> {
    const found = await this.containers.find(compute);
    if (found === undefined) {
      // Deleted by somebody else: what was written down of it goes.
      if ((await this.folder.marks(compute))?.runId === runId) await this.power.forget(compute);
      return;
    }
    await this.turn(compute, async () => {
      const seen = await this.containers.see(compute);
      const inPlace = await this.containers.findInPlace(seen.resource);
      if (inPlace?.container.id === compute) {
        const what = `"${seen.container.name}" stands in the place of "${seen.resource}" and is not released`;
        throw new OrdealError('busy', what, { remedy: 'Switch over to another one, or end its quarantine.' });
      }
      this.#mustBelongTo(seen, runId);
      await this.#remove(compute);
    });
  }

  async ownedBy(runId?: string): Promise<readonly ComputeState[]> {
    const owned = (await this.containers.all()).filter(({ marks }) => {
      return runId === undefined ? marks.runId !== undefined : marks.runId === runId;
    });
    return owned.map((seen) => this.containers.describe(seen));
  }

  /** With the volumes that Ordeal has made for it; those of others stay. */
  async #remove(compute: ComputeId): Promise<void> {
    const { engine } = this.containers;
    const container = await engine.find(compute);
    if (container === undefined) return;
    await engine.remove(container);
    const ours = new Set(await engine.volumesWith(this.containers.label));
    const used = (await this.containers.all()).flatMap((s) => s.container.volumes.map((v) => v.name));
    for (const { name } of container.volumes) {
      if (name !== undefined && ours.has(name) && !used.includes(name)) await engine.removeVolume(name);
    }
    await this.power.forget(compute);
  }

  /** The names follow the place: for people; a name that is taken is no failure of the switch. */
  async #rename(compute: ComputeId, resource: string): Promise<void> {
    const { engine } = this.containers;
    const holder = await engine.find(resource);
    const mine = await engine.find(compute);
    if (holder?.id === compute || mine === undefined) return;
    // Somebody else's keeps its name: ours is known by its place.
    if (holder !== undefined && (await this.containers.find(holder.id)) === undefined) return;
    if (holder !== undefined) await engine.rename(holder, `${resource}.failed-${holder.id.slice(0, 6)}`);
    await engine.rename(mine, resource);
  }

  async #takeBack(compute: ComputeId, pending: Seen['marks']['pending']): Promise<void> {
    const { container, marks } = await this.containers.see(compute);
    if (container.status === 'running') await this.containers.engine.kill(container);
    await this.folder.setMarks(compute, { ...marks, stopped: true, ...(pending === undefined ? {} : { pending }) });
  }

  #mustBelongTo({ container, marks }: Seen, runId: string): void {
    if (marks.runId === runId) return;
    throw new OrdealError('busy', `"${container.name}" does not belong to run ${runId}`, {
      expected: `run ${runId}`,
      got: marks.runId === undefined ? 'no run' : `run ${marks.runId}`,
      remedy: 'Let that run finish, or recover it.',
    });
  }
}
