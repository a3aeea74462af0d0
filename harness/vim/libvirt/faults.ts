import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultReading, Injection } from '../../model/fault.js';
import type { NativeFaults } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import { cpuTimeMs } from './cpu-starvation.js';
import { type Domains, powerStateOf, type Seen } from './domains.js';
import { conditionsOf, faultKindsOf } from './fault-means.js';
import { FaultTargets, type Injected, injected, type Target } from './fault-targets.js';
import type { Hypervisor } from './hypervisor.js';
import { LinkImpairment, type StruckNic } from './link-impairment.js';
import type { Means } from './means.js';
import type { SnapshotFolder } from './snapshot-folder.js';

const SHUTDOWN_GRACE_MS = 30_000;

/** The faults that libvirt and QEMU can inject by themselves. */
export class LibvirtFaults implements NativeFaults {
  readonly kinds: readonly string[];
  readonly #conditions: ReadonlyMap<string, Means>;
  readonly #link: LinkImpairment;
  readonly #targets: FaultTargets;

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
  ) {
    this.#conditions = conditionsOf(domains);
    this.kinds = faultKindsOf(this.#conditions);
    this.#link = new LinkImpairment(domains.hypervisor, folder.injections);
    this.#targets = new FaultTargets(domains);
  }

  get #hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async inject(injection: Injection): Promise<void> {
    if ((await this.#read(injection.id)) !== undefined) return;
    if (!this.kinds.includes(injection.kind)) {
      throw new OrdealError('capability-missing', `libvirt cannot inject ${injection.kind}`);
    }
    const { targets, link } = await this.#targets.of(injection);
    const record: Injected = { injection, targets, ...(link === undefined ? {} : { link }) };
    await mkdir(this.folder.injections, { recursive: true });
    for (const target of targets) Object.assign(target, { before: await this.#before(injection, target) });
    await writeAtomically(this.#file(injection.id), JSON.stringify(injected.parse(record)));
    try {
      if (link !== undefined) await this.#link.insert(injection, await this.#nics(record), link);
      else for (const target of targets) await this.#switchOn(injection, target);
    } catch (e) {
      await this.heal(injection);
      throw e;
    }
  }

  async verify(injection: Injection): Promise<FaultReading> {
    const record = await this.#read(injection.id);
    if (record === undefined) return { effective: false, measured: {}, how: 'the fault is not on, or was healed' };
    if (record.link !== undefined) return this.#link.measure(injection, await this.#nics(record));
    const readings = await Promise.all(record.targets.map((target) => this.#measure(injection, target)));
    const [first] = readings;
    if (first === undefined) return { effective: false, measured: {}, how: 'the fault has no target' };
    return { ...first, effective: readings.every((r) => r.effective) };
  }

  async heal(injection: Injection): Promise<void> {
    const record = await this.#read(injection.id);
    if (record === undefined) return;
    if (record.link !== undefined) await this.#link.remove(injection, await this.#nics(record));
    else {
      for (const target of record.targets) {
        const seen = await this.#seen(target);
        if (seen !== undefined) await this.#switchOff(injection, target, seen);
      }
    }
    await rm(this.#file(injection.id), { force: true });
  }

  async active(): Promise<readonly Injection[]> {
    const files = await readdir(this.folder.injections).catch(() => []);
    const records = await Promise.all(
      files.filter((f) => f.endsWith('.json')).map((f) => this.#read(f.slice(0, -'.json'.length))),
    );
    return records.flatMap((r) => r?.injection ?? []);
  }

  async #before(injection: Injection, { compute }: Target): Promise<Target['before']> {
    const { kind } = injection;
    const seen = await this.domains.see(compute);
    const state = powerStateOf(seen);
    if (state !== 'on') {
      throw new OrdealError('vim-failed', `"${seen.dom.name}" is ${state}: ${kind} would strike nothing`);
    }
    return (await this.#conditions.get(kind)?.before(seen, injection)) ?? {};
  }

  async #switchOn(injection: Injection, target: Target): Promise<void> {
    const { kind } = injection;
    const seen = await this.domains.see(target.compute);
    const { dom } = seen;
    switch (kind) {
      case 'shutdown':
        await this.domains.stop(target.compute, SHUTDOWN_GRACE_MS);
        return;
      case 'crash':
        await this.#hypervisor.destroy(dom);
        if (await this.#hypervisor.findDomain(target.compute)) {
          await this.#hypervisor.setMarks(dom, { ...seen.marks, crashed: true });
        }
        return;
      case 'stall':
        await this.#hypervisor.suspend(dom);
        return;
      case 'link-cut':
        return this.#hypervisor.setLinks(dom, target.macs, 'down');
      default:
        return this.#conditions.get(kind)?.on(seen, injection, target.before);
    }
  }

  async #measure(injection: Injection, target: Target): Promise<FaultReading> {
    const { kind } = injection;
    const seen = await this.#seen(target);
    if (seen === undefined) return { effective: true, measured: { gone: true }, how: 'the domain is gone' };
    const state = powerStateOf(seen);
    switch (kind) {
      case 'shutdown':
      case 'crash': {
        const ended = state === 'off' || state === 'crashed' || seen.dom.id !== target.boot;
        return { effective: ended, measured: { state }, how: 'the state of the domain, and whether it booted anew' };
      }
      case 'stall':
        return {
          effective: state === 'suspended',
          measured: { state, vcpuTimeMs: await cpuTimeMs(this.#hypervisor, seen) },
          how: 'the state of the vCPUs, and the time that they ran in 200 ms',
        };
      case 'link-cut': {
        const down = seen.xml.interfaces.filter((i) => target.macs.includes(i.mac) && !i.isUp).length;
        return {
          effective: target.macs.length > 0 && down === target.macs.length,
          measured: { linksDown: down },
          how: 'the link state of the virtual NICs in QEMU, as libvirt reports it',
        };
      }
      default: {
        const means = this.#conditions.get(kind);
        if (means !== undefined && seen.dom.id === target.boot) return means.measure(seen, injection, target.before);
        return {
          effective: false,
          measured: { state },
          how: 'the domain has booted anew, and the fault ended with it',
        };
      }
    }
  }

  /** What somebody else ended already, or keeps as evidence, is left as it is. */
  async #switchOff(injection: Injection, target: Target, seen: Seen): Promise<void> {
    const { kind } = injection;
    const state = powerStateOf(seen);
    const isSameBoot = seen.dom.id === target.boot;
    switch (kind) {
      case 'shutdown':
      case 'crash': {
        const inPlace = await this.domains.findInPlace(target.resource);
        const isDown = state === 'off' || state === 'crashed';
        if (isDown && inPlace?.dom.uuid.equals(seen.dom.uuid) && !seen.marks.quarantined) {
          await this.domains.start(target.compute);
        }
        return;
      }
      case 'stall':
        if (isSameBoot && state === 'suspended' && !seen.marks.quarantined) await this.#hypervisor.resume(seen.dom);
        return;
      case 'link-cut':
        if (!seen.marks.quarantined) await this.#hypervisor.setLinks(seen.dom, target.macs, 'up');
        return;
    }
    if (!isSameBoot || (state !== 'on' && state !== 'suspended')) return;
    await this.#conditions.get(kind)?.off(seen, injection, target.before);
  }

  /** Those whose QEMU is still the one that the fault was put into. */
  async #nics({ targets }: Injected): Promise<StruckNic[]> {
    const found = await Promise.all(
      targets.map(async (target) => {
        const seen = await this.#seen(target);
        return seen === undefined || seen.dom.id !== target.boot ? [] : target.macs.map((mac) => ({ seen, mac }));
      }),
    );
    return found.flat();
  }

  async #seen(target: Target): Promise<Seen | undefined> {
    const dom = await this.#hypervisor.findDomain(target.compute);
    return dom === undefined ? undefined : this.domains.see(target.compute);
  }

  #file(id: string): string {
    return join(this.folder.injections, `${encodeURIComponent(id)}.json`);
  }

  async #read(id: string): Promise<Injected | undefined> {
    return readValidated(this.#file(decodeURIComponent(id)), injected).catch((e: unknown) => {
      if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
      throw e;
    });
  }
}
