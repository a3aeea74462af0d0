import type { z } from 'zod';
import { type FaultKind, faultKinds, faultParams, type Injection } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { LinkFault } from '../../link/impairments.js';
import type { Way } from '../../link/link-probe.js';
import type { Compute } from './compute.js';
import type { Nfvi } from './nfvi.js';

export type Params = { readonly [K in FaultKind]: { readonly kind: K } & z.output<(typeof faultParams)[K]> }[FaultKind];
const linkKinds = [
  'link-cut',
  'partition',
  'delay',
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'rate',
] as const;

export const isLinkFault = (params: Params): params is Params & LinkFault =>
  (linkKinds as readonly string[]).includes(params.kind);

/** @throws OrdealError of kind capability-missing, scenario-invalid */
export function parametersOf({ kind, params, id }: Injection): Params {
  const known = faultKinds.find((k) => k === kind);
  if (known === undefined) {
    throw new OrdealError('capability-missing', `The embedded VIM has no fault "${kind}"`, {
      expected: `one of ${faultKinds.join(', ')}`,
    });
  }
  const checked: object = validate(params, `fault ${id}`, faultParams[known] as z.ZodType<object>, 'scenario-invalid');
  return { kind: known, ...checked } as Params;
}

/** What an injection strikes, found by the names that it gives. @throws OrdealError of kind unknown-target */
export class FaultTargets {
  constructor(readonly nfvi: Nfvi) {}

  /** Every way that the fault strikes. A fault on a VNFC strikes all of its links, both ways; a partition only mutes it. */
  ways({ kind, target }: Injection): Way[] {
    const on = 'vnfc' in target ? this.nfvi.plan.links : [target.link];
    if ('link' in target && !this.nfvi.network.has(target.link)) {
      throw new OrdealError('unknown-target', `The service has no virtual link "${target.link}"`, {
        expected: `one of ${this.nfvi.plan.links.join(', ')}`,
      });
    }
    const address = (name: string): number => this.nfvi.slot(this.resource(name)).spec.address;
    let strikes: (from: number, to: number) => boolean;
    if ('vnfc' in target) {
      const vnfc = address(target.vnfc);
      strikes = (from, to) => from === vnfc || (to === vnfc && kind !== 'partition');
    } else {
      const from = target.from === undefined ? undefined : address(target.from);
      const to = target.to === undefined ? undefined : address(target.to);
      if (kind === 'partition' && from === undefined && to === undefined) {
        throw new OrdealError('scenario-invalid', 'A one-way partition needs to know which way', {
          expected: 'from, to or both in the target',
          got: JSON.stringify(target),
          remedy: 'Name a direction, or use link-cut.',
        });
      }
      strikes = (f, t) => (from === undefined || f === from) && (to === undefined || t === to);
    }
    const ways = on.flatMap((link) => {
      const there = this.addressesOn(link);
      return there.flatMap((from) =>
        there.filter((to) => to !== from && strikes(from, to)).map((to) => ({ link, from, to })),
      );
    });
    if (ways.length > 0) return ways;
    throw new OrdealError('unknown-target', `No two VNFCs are joined by what the fault "${kind}" should strike`, {
      got: JSON.stringify(target),
    });
  }

  addressesOn(link: string): number[] {
    return [...this.nfvi.slots.values()].filter((s) => s.pointOn(link) >= 0).map((s) => s.spec.address);
  }

  /** Injections name VNFCs by the VIM's resource, people by the VNFC's id: both are understood. */
  resource(name: string): string {
    if (this.nfvi.slots.has(name)) return name;
    const spec = this.nfvi.plan.vnfcs.find((v) => v.vnfcId === name);
    return spec?.resource ?? name;
  }

  disks(compute: Compute, id: string | undefined): number[] {
    const indices = compute.disks.flatMap((d, i) => (id === undefined || d.id === id ? [i] : []));
    if (indices.length > 0) return indices;
    throw new OrdealError('unknown-target', `VNFC "${compute.id}" has no disk${id === undefined ? '' : ` "${id}"`}`, {
      expected: `one of ${compute.disks.map((d) => d.id).join(', ') || 'none'}`,
    });
  }
}
