import { z } from 'zod';
import { type Injection, injection as injectionSchema } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import type { DeployedVnfc } from './deployment.js';
import type { Domains } from './domains.js';
import { idOf } from './hypervisor.js';

/** What is needed to heal from another process; written before the fault is on. */
export const injected = z.object({
  injection: injectionSchema,
  targets: z.array(
    z.object({
      compute: z.string(),
      resource: z.string(),
      /** The domain's id: it changes with every start. */
      boot: z.number(),
      macs: z.array(z.string()).default([]),
      /** Kind by kind: quota in microseconds, memory in KiB, disk target. */
      before: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
    }),
  ),
  /** Of a link that is impaired: the MACs on it, and the one whose frames alone are struck. */
  link: z.object({ addresses: z.array(z.string()), from: z.string().optional() }).optional(),
});
export type Injected = z.output<typeof injected>;
export type Target = Injected['targets'][number];

/** What an injection strikes: domains, and their NICs on a link. */
export class FaultTargets {
  constructor(readonly domains: Domains) {}

  /** @throws OrdealError of kind unknown-target, capability-missing */
  async of({ kind, target }: Injection): Promise<Pick<Injected, 'targets' | 'link'>> {
    if (!('link' in target)) return { targets: [await this.#target(this.#resource(target.vnfc))] };
    const { link, from, to } = target;
    const on = this.domains.deployed.filter((d) => d.vnfc.connectionPoints.some((cp) => cp.link === link));
    if (on.length === 0) throw new OrdealError('unknown-target', `No VNFC is on the virtual link "${link}"`);
    const all = await Promise.all(on.map((d) => this.#target(d.resource, pointsOn(d, link))));
    if (kind === 'link-cut') {
      if (from === undefined && to === undefined) return { targets: all };
      throw new OrdealError('capability-missing', 'A virtual NIC is cut whole, not in one direction', {
        remedy: 'Name the link alone, or inject a partition.',
      });
    }
    const [source, end] = [from, to].map((name) => {
      if (name === undefined) return undefined;
      const found = all.find((t) => t.resource === this.#resource(name));
      if (found !== undefined) return found;
      throw new OrdealError('unknown-target', `VNFC "${name}" is not on the virtual link "${link}"`, {
        expected: `one of ${on.map((d) => d.vnfc.id).join(', ')}`,
      });
    });
    const mac = source?.macs[0];
    if (source !== undefined && mac === undefined) {
      throw new OrdealError(
        'vim-failed',
        `The NIC of "${source.resource}" on "${link}" is down: nothing comes from it`,
      );
    }
    return {
      targets: end === undefined ? all.filter((t) => t !== source) : [end],
      link: { addresses: all.flatMap((t) => t.macs), ...(mac === undefined ? {} : { from: mac }) },
    };
  }

  #resource(name: string): string {
    return this.domains.deployed.find((d) => d.vnfc.id === name || d.resource === name)?.resource ?? name;
  }

  async #target(resource: string, points?: readonly string[]): Promise<Target> {
    const seen = await this.domains.see(await this.domains.locate(resource));
    const macs = [...this.domains.interfaces(seen)]
      .filter(([id, it]) => it.isUp && (points === undefined || points.includes(id)))
      .map(([, it]) => it.mac);
    return { compute: idOf(seen.dom), resource, boot: seen.dom.id, macs, before: {} };
  }
}

const pointsOn = ({ vnfc }: DeployedVnfc, link: string): string[] =>
  vnfc.connectionPoints.filter((cp) => cp.link === link).map((cp) => cp.id);
