import { randomUUID } from 'node:crypto';
import type { ComputeId, ComputeState, Replacement } from '../../model/vim.js';
import { asError, ManyErrors, OrdealError } from '../../util/errors.js';
import { Undo } from '../../util/undo.js';
import { Clones } from './clones.js';
import { type Domains, powerStateOf, type Seen } from './domains.js';
import { type Hypervisor, idOf, isRunning } from './hypervisor.js';
import { noMarks, readMarks, writeMarks } from './marks.js';
import type { Overlays } from './overlays.js';
import { procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';

/**
 * Steps 7 and 8 of clause 4.1.1.4. libvirt does not rename a running domain, so a new one keeps a name of its own, and
 * the marks in its metadata say for which VNFC it stands. MAC and addresses inside the guest stay: they are what the
 * network knows it by.
 */
export class LibvirtReplacement implements Replacement {
  readonly #clones: Clones;

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
    readonly turn: <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>,
  ) {
    this.#clones = new Clones(domains, folder, overlays);
  }

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  quarantine(compute: ComputeId, runId: string): Promise<void> {
    return this.turn(compute, async () => {
      const seen = await this.domains.see(compute);
      const wasRunning = isRunning(seen.power);
      // One that was cut short is finished.
      if (seen.marks.quarantined) this.#mustBelongTo(seen, runId);
      // Marked first: what is half quarantined is found, and is given back or finished.
      else {
        await this.#hypervisor.setMarks(seen.dom, {
          ...seen.marks,
          resource: this.domains.resourceOf(seen),
          runId,
          quarantined: true,
          wasRunning,
        });
      }
      if (wasRunning) await this.#hypervisor.suspend(seen.dom);
      await this.#cut(seen);
      await this.#noAutostart(seen);
    });
  }

  unquarantine(compute: ComputeId, runId: string): Promise<void> {
    return this.turn(compute, async () => {
      const seen = await this.domains.see(compute);
      const { marks, dom, xml, power } = seen;
      if (!marks.quarantined) return;
      // Once another one stands in its place it stays what it is: evidence.
      const inPlace = await this.domains.findInPlace(this.domains.resourceOf(seen));
      if (marks.inPlace === false || inPlace?.dom.uuid.equals(dom.uuid) !== true) return;
      this.#mustBelongTo(seen, runId);
      await this.#hypervisor.setLinks(
        dom,
        xml.interfaces.map((i) => i.mac),
        'up',
      );
      if (marks.wasRunning && !isRunning(power) && powerStateOf(seen) === 'suspended')
        await this.#hypervisor.resume(dom);
      const { runId: _, ...rest } = marks;
      await this.#hypervisor.setMarks(dom, { ...rest, quarantined: false, wasRunning: false });
    });
  }

  async restoreAsNew(snapshotId: string, runId: string): Promise<ComputeId> {
    const stored = await this.folder.read(snapshotId);
    const uuid = randomUUID();
    const { resource, powerState } = stored.record;
    const wasRunning = powerState === 'on' || powerState === 'suspended';
    await using undo = new Undo();
    const dom = await this.#clones.make(stored, {
      name: `${resource}.${uuid.slice(0, 8)}`,
      uuid,
      persistent: true,
      change: (xml) => {
        const { service } = readMarks(xml);
        const ofService = service === undefined ? {} : { service };
        const hasMemory = stored.memoryFile !== undefined;
        const marks = { ...noMarks, ...ofService, resource, runId, inPlace: false, wasRunning, hasMemory };
        xml.setOrdeal(writeMarks(marks));
      },
    });
    undo.defer('remove the new domain', () => this.#removeWithDisks(dom, uuid));
    await this.#cut(await this.domains.see(uuid));
    undo.keep();
    return uuid;
  }

  /** All or none: what was switched before a failure is put back. One that was cut short is finished by another call. */
  async switchOver(
    pairs: readonly { readonly resource: string; readonly to: ComputeId }[],
    runId: string,
  ): Promise<void> {
    const undo = new Undo();
    try {
      await this.#switch(pairs, runId, undo);
    } catch (e) {
      const left = await undo.unwind();
      if (left.length === 0) throw e;
      throw new ManyErrors(
        'vim-failed',
        'The switch-over failed, and not all of it could be put back',
        [asError(e), ...left],
        'What is marked with the run is given back by `ordeal recover`.',
      );
    }
  }

  async #switch(
    pairs: readonly { readonly resource: string; readonly to: ComputeId }[],
    runId: string,
    undo: Undo,
  ): Promise<void> {
    const fresh: Seen[] = [];
    for (const { resource, to } of pairs) {
      const after = await this.domains.see(to);
      if (this.domains.resourceOf(after) !== resource) {
        throw new OrdealError('unknown-target', `"${after.dom.name}" cannot stand in for "${resource}"`);
      }
      const before = await this.domains.findInPlace(resource);
      if (before?.dom.uuid.equals(after.dom.uuid) !== true) {
        this.#mustBelongTo(after, runId);
        mustHaveItsMemory(after);
        await this.#exchange(before, after, runId, undo);
      } else mustHaveItsMemory(after);
      if (!after.marks.quarantined) fresh.push(after);
    }
    for (const after of fresh) {
      undo.defer(`cut ${after.dom.name} off`, () => this.#cut(after));
      await this.#hypervisor.setLinks(
        after.dom,
        after.xml.interfaces.map((i) => i.mac),
        'up',
      );
    }
    for (const after of fresh) {
      if (powerStateOf(after) === 'suspended') await this.#hypervisor.resume(after.dom);
      else if (after.marks.wasRunning) await this.domains.start(idOf(after.dom));
    }
    for (const { dom } of fresh) await this.#hasGoneOn(dom);
  }

  /** From now on it is a VM as any other: should it end, it boots. Until then a boot would pass for the restoration. */
  async #hasGoneOn(dom: Seen['dom']): Promise<void> {
    const marks = await this.#hypervisor.marks(dom);
    if (marks.hasMemory) await this.#hypervisor.setMarks(dom, { ...marks, hasMemory: false });
  }

  /** The new one gets the place first: at no moment is there none. */
  async #exchange(before: Seen | undefined, after: Seen, runId: string, undo: Undo): Promise<void> {
    if (before !== undefined && !before.marks.quarantined) {
      undo.defer(`end the quarantine of ${before.dom.name}`, () => this.unquarantine(idOf(before.dom), runId));
      await this.quarantine(idOf(before.dom), runId);
    }
    undo.defer(`take ${after.dom.name} out again`, () => this.#hypervisor.setMarks(after.dom, after.marks));
    const { runId: _, ...rest } = after.marks;
    await this.#hypervisor.setMarks(after.dom, { ...rest, inPlace: true });
    if (before === undefined) return;
    const marks = await this.#hypervisor.marks(before.dom);
    undo.defer(`put ${before.dom.name} back`, () => this.#hypervisor.setMarks(before.dom, { ...marks, inPlace: true }));
    await this.#hypervisor.setMarks(before.dom, { ...marks, inPlace: false });
  }

  async release(compute: ComputeId, runId: string): Promise<void> {
    const dom = await this.#hypervisor.findDomain(compute);
    if (dom === undefined) return;
    await this.turn(compute, async () => {
      const seen = await this.domains.see(compute);
      const resource = this.domains.resourceOf(seen);
      const inPlace = await this.domains.findInPlace(resource);
      if (inPlace?.dom.uuid.equals(dom.uuid)) {
        throw new OrdealError('busy', `"${dom.name}" stands in the place of "${resource}" and is not released`, {
          remedy: 'Switch over to another one, or end its quarantine.',
        });
      }
      this.#mustBelongTo(seen, runId);
      await this.#removeWithDisks(dom, compute);
    });
  }

  async ownedBy(runId?: string): Promise<readonly ComputeState[]> {
    const owned = (await this.domains.all()).filter(({ marks }) => {
      return runId === undefined ? marks.runId !== undefined : marks.runId === runId;
    });
    return Promise.all(owned.map((seen) => this.domains.describe(seen)));
  }

  async #cut({ dom, xml }: Seen): Promise<void> {
    await this.#hypervisor.setLinks(
      dom,
      xml.interfaces.map((i) => i.mac),
      'down',
    );
  }

  async #noAutostart({ dom }: Seen): Promise<void> {
    if (!(await this.#hypervisor.isPersistent(dom))) return;
    await this.#hypervisor.call(
      procedures.domainSetAutostart,
      { dom, autostart: 0 },
      `"${dom.name}" cannot be kept off`,
    );
  }

  async #removeWithDisks(dom: Seen['dom'], compute: ComputeId): Promise<void> {
    const { xml } = await this.domains.see(compute);
    await this.#clones.remove(dom);
    await this.overlays.dropUnused(xml.disks.flatMap((d) => d.file ?? []));
  }

  #mustBelongTo({ dom, marks }: Seen, runId: string): void {
    if (marks.runId === runId) return;
    throw new OrdealError('busy', `"${dom.name}" does not belong to run ${runId}`, {
      expected: `run ${runId}`,
      got: marks.runId === undefined ? 'no run' : `run ${marks.runId}`,
      remedy: 'Let that run finish, or recover it.',
    });
  }
}

function mustHaveItsMemory(seen: Seen): void {
  const state = powerStateOf(seen);
  if (!seen.marks.hasMemory || state === 'suspended' || state === 'on') return;
  throw new OrdealError('vim-failed', `QEMU of "${seen.dom.name}" has ended, and with it the memory of the snapshot`, {
    expected: 'suspended',
    got: state,
    remedy: 'Release it, and restore the snapshot as new once more.',
  });
}
