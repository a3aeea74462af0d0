import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import type { NativeFaults } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { monotonicMs } from '../../util/monotonic.js';
import { readValidated, validate } from '../../util/validate.js';
import { BlockErrors } from './block-errors.js';
import { type Domains, powerStateOf, type Seen } from './domains.js';
import { faultMeans } from './fault-means.js';
import { FaultTargets, type Injected, injected, type Target } from './fault-targets.js';
import { Affect, type Hypervisor } from './hypervisor.js';
import { LinkImpairment, type StruckNic } from './link-impairment.js';
import { MemoryPressure } from './memory-pressure.js';
import { procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';

const PERIOD_US = 100_000;
const SHUTDOWN_GRACE_MS = 30_000;

/** The faults that libvirt and QEMU can inject by themselves. */
export class LibvirtFaults implements NativeFaults {
  readonly kinds = Object.keys(faultMeans);
  readonly #blockErrors: BlockErrors;
  readonly #memory: MemoryPressure;
  readonly #link: LinkImpairment;
  readonly #targets: FaultTargets;

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
  ) {
    this.#blockErrors = new BlockErrors(domains.hypervisor);
    this.#memory = new MemoryPressure(domains.hypervisor);
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

  async #before({ kind, params }: Injection, { compute }: Target): Promise<Target['before']> {
    const seen = await this.domains.see(compute);
    const state = powerStateOf(seen);
    if (state !== 'on') {
      throw new OrdealError('vim-failed', `"${seen.dom.name}" is ${state}: ${kind} would strike nothing`);
    }
    switch (kind) {
      case 'cpu-starvation':
        return { quotaUs: await this.#quota(seen) };
      case 'memory-pressure':
        return { actualKiB: await this.#memory.actualKiB(seen.dom) };
      case 'disk-error': {
        const { disk, ratio } = validate(params, 'disk-error', faultParams['disk-error'], 'usage');
        if (ratio !== 1) {
          throw new OrdealError('capability-missing', 'QEMU fails every access of a disk, or none', {
            expected: 'ratio 1',
          });
        }
        const targets = this.domains.diskTargets(seen);
        const target = disk === undefined ? [...targets.values()][0] : targets.get(disk);
        if (target === undefined)
          throw new OrdealError('unknown-target', `"${seen.dom.name}" has no disk "${disk ?? ''}"`);
        const failed = await this.#blockErrors.failures(seen, target);
        return { disk: target, index: this.#blockErrors.top(seen, target), failed };
      }
      default:
        return {};
    }
  }

  async #switchOn({ id, kind, params }: Injection, target: Target): Promise<void> {
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
      case 'cpu-starvation': {
        const { share } = validate(params, kind, faultParams[kind], 'usage');
        return this.#setQuota(seen, Math.max(1000, Math.round(share * PERIOD_US)));
      }
      case 'memory-pressure': {
        const { leaveBytes } = validate(params, kind, faultParams[kind], 'usage');
        return this.#memory.squeeze(dom, leaveBytes);
      }
      case 'disk-error': {
        const { on } = validate(params, kind, faultParams[kind], 'usage');
        return this.#blockErrors.insert(seen, { ...insertionOf(target, id), on });
      }
      default:
        throw new OrdealError('capability-missing', `libvirt cannot inject ${kind}`);
    }
  }

  async #measure({ id, kind, params }: Injection, target: Target): Promise<FaultReading> {
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
          measured: { state, vcpuTimeMs: await this.#cpuTimeMs(seen) },
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
      case 'cpu-starvation': {
        const quotaUs = await this.#quota(seen);
        const usedMs = await this.#cpuTimeMs(seen);
        return {
          effective: quotaUs > 0,
          measured: { share: quotaUs > 0 ? quotaUs / PERIOD_US : 1, usedShare: usedMs / 200 },
          how: 'the limit that the cgroup of the vCPU has now, and the CPU time of the domain in 200 ms',
        };
      }
      case 'memory-pressure': {
        const { leaveBytes } = validate(params, kind, faultParams[kind], 'usage');
        return this.#memory.measure(seen.dom, Number(target.before.actualKiB), leaveBytes);
      }
      default:
        return this.#blockErrors.measure(seen, String(target.before.disk), id, Number(target.before.failed));
    }
  }

  /** What somebody else ended already, or keeps as evidence, is left as it is. */
  async #switchOff({ id, kind }: Injection, target: Target, seen: Seen): Promise<void> {
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
    if (kind === 'cpu-starvation') return this.#setQuota(seen, Number(target.before.quotaUs));
    if (kind === 'memory-pressure') return this.#memory.release(seen.dom, Number(target.before.actualKiB));
    return this.#blockErrors.remove(seen, insertionOf(target, id));
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

  async #quota({ dom }: Seen): Promise<number> {
    const args = { dom, nparams: 16, flags: Affect.live };
    const what = `the CPU limits of "${dom.name}" cannot be read`;
    const { params } = await this.#hypervisor.call(procedures.domainGetSchedulerParameters, args, what);
    return Number(params.find((p) => p.field === 'vcpu_quota')?.value ?? -1);
  }

  /** @param quotaUs of 100 ms; 0 or less means no limit */
  async #setQuota({ dom }: Seen, quotaUs: number): Promise<void> {
    const params = [
      { field: 'vcpu_period', type: 'ullong' as const, value: BigInt(PERIOD_US) },
      { field: 'vcpu_quota', type: 'llong' as const, value: BigInt(quotaUs <= 0 ? -1 : quotaUs) },
    ];
    const what = `"${dom.name}" cannot be starved of CPU`;
    await this.#hypervisor.call(procedures.domainSetSchedulerParameters, { dom, params, flags: Affect.live }, what);
  }

  /** Milliseconds of CPU time within about 200 ms, per vCPU. */
  async #cpuTimeMs({ dom, xml }: Seen): Promise<number> {
    const what = `the CPU time of "${dom.name}" cannot be read`;
    const read = async () => (await this.#hypervisor.call(procedures.domainGetInfo, { dom }, what)).cpuTimeNs;
    const [before, at] = [await read(), monotonicMs()];
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ran = Number((await read()) - before) / 1e6;
    return Math.round((ran * 200) / (monotonicMs() - at) / xml.vcpus);
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

const insertionOf = ({ before }: Target, id: string) => ({
  target: String(before.disk),
  index: String(before.index),
  id,
});
