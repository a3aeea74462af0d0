import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { FaultReading, Injection } from '../../model/fault.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { until, withDeadline } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { child } from './domain-xml.js';
import type { Seen } from './domains.js';
import type { Hypervisor } from './hypervisor.js';
import { addressOf, type HopPlan, type HopRequest, hopPlan } from './link-hop-protocol.js';

const READY_MS = 20_000;
const MEASURE_MS = 30_000;

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
    await this.#start(plan);
    for (const [i, { seen, mac }] of nics.entries()) {
      const sockets = plan.nics[i];
      if (sockets !== undefined) await this.#redirect(injection.id, seen, mac, sockets);
    }
  }

  async measure(injection: Injection, nics: readonly StruckNic[]): Promise<FaultReading> {
    const there = await Promise.all(nics.map(({ seen, mac }) => this.#isThere(injection.id, seen, mac)));
    const redirected = there.filter((t) => t).length;
    const reading = redirected === 0 ? undefined : await this.#ask(injection.id, 'measure', MEASURE_MS);
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
    await this.#ask(injection.id, 'end', READY_MS);
    for (const { seen, mac } of nics) await this.#release(injection.id, seen, mac);
    await rm(this.#folderOf(injection.id), { recursive: true, force: true });
  }

  #plan(injection: Injection, nics: readonly StruckNic[], addresses: readonly string[], from?: string): HopPlan {
    const folder = this.#folderOf(injection.id);
    return {
      injection,
      control: join(folder, 'control'),
      nics: nics.map(({ mac }, i) => ({
        address: addressOf(mac),
        out: join(folder, `${i}.out`),
        in: join(folder, `${i}.in`),
      })),
      addresses: addresses.map(addressOf),
      ...(from === undefined ? {} : { from: addressOf(from) }),
    };
  }

  async #start(plan: HopPlan): Promise<void> {
    const folder = this.#folderOf(plan.injection.id);
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const file = join(folder, 'plan.json');
    await writeAtomically(file, JSON.stringify(hopPlan.parse(plan)));
    const program = fileURLToPath(new URL('./link-hop.js', import.meta.url));
    spawn(process.execPath, [program, file], { detached: true, stdio: 'ignore' }).unref();
    await until(
      'The process that impairs the link listens',
      async () => {
        const failure = await readFile(`${file}.error`, 'utf8').catch(absent);
        if (failure !== undefined) throw new OrdealError('vim-failed', `The link cannot be impaired: ${failure}`);
        return access(plan.control).then(
          () => true,
          () => false,
        );
      },
      { withinMs: READY_MS },
    );
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

  /** @returns undefined when the hop is gone: nothing passes it any more */
  async #ask(id: string, request: HopRequest, withinMs: number): Promise<z.output<typeof measurement> | undefined> {
    const path = join(this.#folderOf(id), 'control');
    try {
      return await withDeadline(withinMs, `The impaired link: to ${request}`, async (signal) => {
        const line = await oneLine(path, request, signal);
        return line === undefined ? undefined : measurement.parse(JSON.parse(line));
      });
    } catch (e) {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(errnoOf(e) ?? '')) return undefined;
      throw e;
    }
  }

  /** A unix socket's path has at most 107 bytes. */
  #folderOf(id: string): string {
    return join(this.folder, shortOf(id));
  }
}

function oneLine(path: string, request: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.once('error', reject);
    socket.once('close', () => resolve(undefined));
    createInterface({ input: socket }).once('line', (line) => {
      resolve(line);
      socket.destroy();
    });
    socket.write(`${request}\n`);
  });
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

function absent(e: unknown): undefined {
  if (errnoOf(e) === 'ENOENT') return undefined;
  throw e;
}
