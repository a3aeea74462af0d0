import { createHash } from 'node:crypto';
import type { Element } from '@xmldom/xmldom';
import { z } from 'zod';
import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import { child } from './domain-xml.js';
import type { Domains, Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import type { Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';

const nodes = z.array(z.object({ 'node-name': z.string().optional(), drv: z.string() }));
const blockStats = z.array(
  z.object({
    qdev: z.string().optional(),
    stats: z.object({ failed_rd_operations: z.number(), failed_wr_operations: z.number() }),
  }),
);
/** Not flush: an endless flush error keeps blkdebug from being taken out again. */
const kindsOf = { read: ['read'], write: ['write', 'write-zeroes'], both: ['read', 'write', 'write-zeroes'] } as const;

/** libvirt names the nodes of a disk after the index of its source: libvirt-3-format over libvirt-3-storage. */
interface DiskNodes {
  readonly format: string;
  readonly storage: string;
  readonly driver: string;
  readonly isTop: boolean;
  /** Of the image below; absent when there is none. */
  readonly backing?: string;
}

/** I/O errors of a disk: QEMU's blkdebug goes between the image format and its file, while the guest runs. */
export class BlockErrors implements Means {
  readonly how = 'blkdebug is put under the image while the guest runs';

  constructor(readonly domains: Domains) {}

  get hypervisor(): Hypervisor {
    return this.domains.hypervisor;
  }

  async before(seen: Seen, { kind, params }: Injection): Promise<Target['before']> {
    const { disk, ratio } = validate(params, kind, faultParams['disk-error'], 'usage');
    if (ratio !== 1) {
      throw new OrdealError('capability-missing', 'QEMU fails every access of a disk, or none', {
        expected: 'ratio 1',
      });
    }
    const target = this.domains.diskTarget(seen, disk);
    return { disk: target, index: this.#top(seen, target), failed: await this.#failures(seen, target) };
  }

  /** The index of the image that the guest writes to now. @throws OrdealError of kind vim-failed */
  #top({ xml }: Seen, target: string): string {
    const index = indexOf(xml.devices('disk').find((d) => child(d, 'target')?.getAttribute('dev') === target));
    if (index !== undefined) return index;
    throw new OrdealError('vim-failed', `Disk ${target} of "${xml.name}" has no node that QEMU would know`, {
      remedy: 'The domain must run under libvirt 5.10 or later.',
    });
  }

  async on(seen: Seen, { id, kind, params }: Injection, { disk: target, index }: Target['before']): Promise<void> {
    const { on } = validate(params, kind, faultParams['disk-error'], 'usage');
    const disk = diskNodes(seen, String(target), String(index));
    if (disk === undefined)
      throw new OrdealError('vim-failed', `Disk ${target} of "${seen.dom.name}" has changed meanwhile`);
    const name = nodeName(id);
    if (await this.#isThere(seen, name)) return;
    const rules = kindsOf[on].map((iotype) => ({ event: 'none', iotype, errno: 5, once: false, immediately: true }));
    await this.hypervisor.qmp(seen.dom, 'blockdev-add', {
      driver: 'blkdebug',
      'node-name': name,
      image: disk.storage,
      'inject-error': rules,
    });
    await this.#reopen(seen, disk, name);
  }

  async off(seen: Seen, { id }: Injection, { disk: target, index }: Target['before']): Promise<void> {
    const name = nodeName(id);
    if (!(await this.#isThere(seen, name))) return;
    const disk = diskNodes(seen, String(target), String(index));
    if (disk !== undefined) await this.#reopen(seen, disk, disk.storage);
    await this.hypervisor.qmp(seen.dom, 'blockdev-del', { 'node-name': name });
  }

  /** Accesses of the guest that failed since it started. */
  async #failures(seen: Seen, target: string): Promise<number> {
    const stats = blockStats.parse(await this.hypervisor.qmp(seen.dom, 'query-blockstats'));
    const alias = aliasOf(seen, target);
    return stats
      .filter((s) => s.qdev?.split('/').includes(alias))
      .reduce((sum, { stats: s }) => sum + s.failed_rd_operations + s.failed_wr_operations, 0);
  }

  async measure(seen: Seen, { id }: Injection, { disk, failed }: Target['before']): Promise<FaultReading> {
    const name = nodeName(id);
    const isThere = await this.#isThere(seen, name);
    const said = isThere
      ? String(
          await this.hypervisor.qmp(seen.dom, 'human-monitor-command', {
            'command-line': `qemu-io ${name} "read 0 512"`,
          }),
        )
      : '';
    const failures = (await this.#failures(seen, String(disk))) - Number(failed);
    return {
      effective: isThere,
      measured: { readFails: said.includes('Input/output error'), failedAccesses: failures },
      how: 'blkdebug stands under the image of the disk; a read through it, and the accesses of the guest that failed',
    };
  }

  async #isThere(seen: Seen, name: string): Promise<boolean> {
    const all = nodes.parse(await this.hypervisor.qmp(seen.dom, 'query-named-block-nodes', { flat: true }));
    return all.some((n) => n['node-name'] === name);
  }

  /** Everything that is not said goes back to its default, so the image below is named again. */
  async #reopen({ dom }: Seen, disk: DiskNodes, file: string): Promise<void> {
    await this.hypervisor.qmp(dom, 'blockdev-reopen', {
      options: [
        {
          driver: disk.driver,
          'node-name': disk.format,
          file,
          ...(disk.isTop ? {} : { 'read-only': true }),
          ...(disk.driver === 'qcow2' ? { backing: disk.backing ?? null } : {}),
        },
      ],
    });
  }
}

/** @param index of the image: it was the top one once, and may have been frozen by a snapshot since */
function diskNodes({ xml }: Seen, target: string, index: string): DiskNodes | undefined {
  const disk = xml.devices('disk').find((d) => child(d, 'target')?.getAttribute('dev') === target);
  for (let at = disk; at !== undefined; at = child(at, 'backingStore')) {
    if (indexOf(at) !== index) continue;
    const below = indexOf(child(at, 'backingStore'));
    return {
      format: `libvirt-${index}-format`,
      storage: `libvirt-${index}-storage`,
      driver: child(at, 'driver')?.getAttribute('type') ?? child(at, 'format')?.getAttribute('type') ?? 'raw',
      isTop: at === disk,
      ...(below === undefined ? {} : { backing: `libvirt-${below}-format` }),
    };
  }
  return undefined;
}

/** On the source of the top one, on the element itself below it. */
const indexOf = (image: Element | undefined): string | undefined =>
  child(image, 'source')?.getAttribute('index') ?? image?.getAttribute('index') ?? undefined;

const aliasOf = ({ xml }: Seen, target: string): string => {
  const disk = xml.devices('disk').find((d) => child(d, 'target')?.getAttribute('dev') === target);
  return child(disk, 'alias')?.getAttribute('name') ?? '';
};

/** Node names have at most 31 characters. */
const nodeName = (id: string): string => `ordeal-${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
