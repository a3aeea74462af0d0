import { z } from 'zod';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { Seen } from './domains.js';
import type { Hypervisor } from './hypervisor.js';
import type { DomainRef } from './rpc/index.js';

const commitMs = 300_000;

const nodes = z.array(z.object({ 'node-name': z.string(), drv: z.string(), file: z.string() }));
const devices = z.array(z.object({ inserted: z.object({ 'node-name': z.string().optional() }).optional() }));
const jobs = z.array(z.object({ id: z.string(), status: z.string(), error: z.string().optional() }));
/** A file name that says how it is opened: https://qemu.readthedocs.io/en/v7.2.0/system/qemu-block-drivers.html */
const opened = z.object({ file: z.object({ filename: z.string() }) });

interface Node {
  readonly name: string;
  readonly file: string;
  /** The node of the file itself, below that of its format. */
  readonly isProtocol: boolean;
}

/**
 * QEMU's block nodes that libvirt does not know. A libvirtd that is killed in the middle of a snapshot has added the overlay to QEMU,
 * and perhaps switched the guest over to it, and notes neither: the next one takes the guest to be on the disk of before.
 */
export class BlockNodes {
  constructor(readonly hypervisor: Hypervisor) {}

  /**
   * The guest is on the disks that libvirt takes it to be on, with all that it has written, and QEMU has none of these files open.
   * @param files overlays of an unfinished snapshot, so that each file below was the guest's alone before
   */
  async forget({ dom, xml }: Seen, files: readonly string[]): Promise<void> {
    const unknown = files.filter((file) => !xml.disks.some((d) => d.file === file));
    if (unknown.length === 0) return;
    const isOf = (n: Node) => unknown.includes(n.file);
    const ofThese = (await this.#nodes(dom)).filter(isOf);
    const inUse = new Set(await this.#inserted(dom));
    for (const { name, file } of ofThese) if (inUse.has(name)) await this.#commit(dom, name, file);
    for (const { name } of ofThese.filter((n) => !n.isProtocol)) await this.#remove(dom, name);
    for (const { name } of ofThese.filter((n) => n.isProtocol)) await this.#remove(dom, name);
  }

  /** An active commit: the guest goes on meanwhile, and is on the node below in the end. */
  async #commit(dom: DomainRef, device: string, file: string): Promise<void> {
    // The same after a death in between: what was begun then is gone on with.
    const id = `ordeal-commit-${device}`;
    const job = async () => jobs.parse(await this.hypervisor.qmp(dom, 'query-jobs')).find((j) => j.id === id);
    if ((await job()) === undefined) {
      await this.hypervisor.qmp(dom, 'block-commit', { 'job-id': id, device, 'auto-dismiss': false });
    }
    const isBack = async () => {
      const at = await job();
      if (at?.status === 'ready') await this.hypervisor.qmp(dom, 'job-complete', { id });
      if (at !== undefined && at.status !== 'concluded') return false;
      if (at !== undefined) await this.hypervisor.qmp(dom, 'job-dismiss', { id });
      if (at?.error === undefined) return true;
      throw new OrdealError('vim-failed', `What "${dom.name}" has written to ${file} cannot be put back`, {
        cause: new Error(at.error),
      });
    };
    await until(`"${dom.name}" is back on the disk below ${file}`, isBack, { withinMs: commitMs, everyMs: 50 });
  }

  async #remove(dom: DomainRef, name: string): Promise<void> {
    await this.hypervisor.qmp(dom, 'blockdev-del', { 'node-name': name });
  }

  async #nodes(dom: DomainRef): Promise<Node[]> {
    return nodes
      .parse(await this.hypervisor.qmp(dom, 'query-named-block-nodes', { flat: true }))
      .map(({ 'node-name': name, drv, file }) => ({ name, file: fileOf(file), isProtocol: drv === 'file' }));
  }

  async #inserted(dom: DomainRef): Promise<string[]> {
    return devices
      .parse(await this.hypervisor.qmp(dom, 'query-block'))
      .flatMap(({ inserted }) => inserted?.['node-name'] ?? []);
  }
}

function fileOf(told: string): string {
  if (!told.startsWith('json:')) return told;
  return opened.safeParse(JSON.parse(told.slice('json:'.length))).data?.file.filename ?? told;
}
