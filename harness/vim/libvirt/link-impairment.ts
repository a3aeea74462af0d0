import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { FaultReading, Injection } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import { HopProcess } from '../link/hop-process.js';
import { child } from './domain-xml.js';
import type { Seen } from './domains.js';
import type { Hypervisor } from './hypervisor.js';
import { addressOf, type HopPlan, type HopRequest, hopPlan } from './link-hop-protocol.js';

const measurement = z.object({
  isOn: z.boolean().default(false),
  error: z.string().optional(),
  effective: z.boolean().default(false),
  measured: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
  how: z.string().default(''),
});
const objects = z.array(z.object({ name: z.string() }));

/** A NIC that is struck, with the domain as it is now. */
export interface StruckNic {
  readonly seen: Seen;
  readonly mac: string;
}

/**
 * Faults of a virtual link, between the NIC of the guest and the host: QEMU's filter-redirector hands over every frame
 * that is on its way to the guest, and takes it back from a process of ours (link-hop.ts) that delays, loses, doubles,
 * reorders, corrupts or narrows. It needs nothing of the host's kernel and no namespace, goes in and out while the guest
 * runs, and strikes a message from one guest to another once. Source: QEMU docs, "-object filter-redirector".
 */
export class LinkImpairment {
  constructor(
    readonly hypervisor: Hypervisor,
    readonly folder: string,
  ) {}

  /** @param addresses the MACs of all NICs on the link @param from of a partition: the MAC whose frames are stopped */
  async insert(
    injection: Injection,
    nics: readonly StruckNic[],
    { addresses, from }: { readonly addresses: readonly string[]; readonly from?: string | undefined },
  ): Promise<void> {
    const plan = this.#plan(injection, nics, addresses, from);
    const program = fileURLToPath(new URL('./link-hop.js', import.meta.url));
    await this.#hop(injection.id).start(program, hopPlan.parse(plan));
    for (const [i, { seen, mac }] of nics.entries()) {
      const sockets = plan.nics[i];
      if (sockets !== undefined) await this.#redirect(injection.id, seen, mac, sockets);
    }
  }

  async measure(injection: Injection, nics: readonly StruckNic[]): Promise<FaultReading> {
    const there = await Promise.all(nics.map(({ seen, mac }) => this.#isThere(injection.id, seen, mac)));
    const redirected = there.filter((t) => t).length;
    const reading = redirected === 0 ? undefined : await this.#ask(injection.id, 'measure');
    if (reading === undefined || !reading.isOn) {
      return { effective: false, measured: { nics: redirected }, how: 'no frame is redirected through the fault' };
    }
    if (reading.error !== undefined) throw new OrdealError('vim-failed', `The link is not measured: ${reading.error}`);
    return {
      effective: reading.effective && redirected === nics.length,
      measured: { ...reading.measured, nics: redirected },
      how: `${reading.how}, in the hop that the frames of ${redirected} NICs pass`,
    };
  }

  /** Idempotent: with the guest restarted or gone, or the hop dead. What is held back is let go first. */
  async remove(injection: Injection, nics: readonly StruckNic[]): Promise<void> {
    await this.#ask(injection.id, 'end');
    for (const { seen, mac } of nics) await this.#release(injection.id, seen, mac);
    await this.#hop(injection.id).forget();
  }

  #plan(injection: Injection, nics: readonly StruckNic[], addresses: readonly string[], from?: string): HopPlan {
    const { folder, control } = this.#hop(injection.id);
    return {
      injection,
      control,
      nics: nics.map(({ mac }, i) => ({
        address: addressOf(mac),
        out: join(folder, `${i}.out`),
        in: join(folder, `${i}.in`),
      })),
      addresses: addresses.map(addressOf),
      ...(from === undefined ? {} : { from: addressOf(from) }),
    };
  }

  async #redirect(id: string, seen: Seen, mac: string, sockets: HopPlan['nics'][number]): Promise<void> {
    const { filter, out, back } = names(id, mac);
    if (await this.#isThere(id, seen, mac)) return;
    const netdev = netdevOf(seen, mac);
    for (const [chardev, path] of [
      [out, sockets.out],
      [back, sockets.in],
    ] as const) {
      await this.hypervisor.qmp(seen.dom, 'chardev-add', {
        id: chardev,
        backend: { type: 'socket', data: { addr: { type: 'unix', data: { path } }, server: false } },
      });
    }
    await this.hypervisor
      .qmp(seen.dom, 'object-add', {
        'qom-type': 'filter-redirector',
        id: filter,
        netdev,
        queue: 'tx',
        outdev: out,
        indev: back,
        vnet_hdr_support: true,
      })
      .catch((e: unknown) => {
        throw new OrdealError('capability-missing', `The NIC ${mac} of "${seen.dom.name}" cannot be impaired`, {
          cause: e,
          remedy: "The kernel may serve the NIC itself (vhost): give the interface <driver name='qemu'/>.",
        });
      });
  }

  async #release(id: string, seen: Seen, mac: string): Promise<void> {
    const { filter, out, back } = names(id, mac);
    if (await this.#isThere(id, seen, mac)) await this.hypervisor.qmp(seen.dom, 'object-del', { id: filter });
    const chardevs = z
      .array(z.object({ label: z.string() }))
      .parse(await this.hypervisor.qmp(seen.dom, 'query-chardev'));
    for (const name of [out, back]) {
      if (chardevs.some((c) => c.label === name)) await this.hypervisor.qmp(seen.dom, 'chardev-remove', { id: name });
    }
  }

  async #isThere(id: string, seen: Seen, mac: string): Promise<boolean> {
    const found = objects.parse(await this.hypervisor.qmp(seen.dom, 'qom-list', { path: '/objects' }));
    return found.some((o) => o.name === names(id, mac).filter);
  }

  #ask(id: string, request: HopRequest): Promise<z.output<typeof measurement> | undefined> {
    return this.#hop(id).ask(request, measurement);
  }

  #hop(id: string): HopProcess {
    return new HopProcess(join(this.folder, shortOf(id)));
  }
}

const shortOf = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 12);

const names = (id: string, mac: string) => {
  const base = `ordeal-${shortOf(id)}-${mac.replaceAll(':', '')}`;
  return { filter: base, out: `${base}-o`, back: `${base}-i` };
};

/** libvirt calls QEMU's netdev after the alias of the interface. */
function netdevOf({ xml }: Seen, mac: string): string {
  const it = xml.devices('interface').find((i) => child(i, 'mac')?.getAttribute('address') === mac);
  const alias = child(it, 'alias')?.getAttribute('name');
  if (alias) return `host${alias}`;
  throw new OrdealError('vim-failed', `"${xml.name}" has no NIC ${mac} that QEMU would know`, {
    remedy: 'The domain must run.',
  });
}
