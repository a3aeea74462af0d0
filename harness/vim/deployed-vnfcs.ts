import { z } from 'zod';
import type { LocatedService, Vnfc } from '../model/network-service.js';
import { validate } from '../util/validate.js';

/** A VNFC, what the VIM calls it, and its `deployment` in the driver's own terms. */
export interface DeployedVnfc<Deployment> {
  readonly vnfc: Vnfc;
  readonly resource: string;
  readonly deployment: Deployment;
}

/** The VNFCs of the service that are this VIM's; all faults of their deployments are reported at once. */
export function deployedVnfcs<S extends z.ZodType>(
  service: LocatedService,
  vim: string,
  schema: S,
): readonly DeployedVnfc<z.output<S>>[] {
  const mine = service.descriptor.vnfs.flatMap((vnf) => vnf.vnfcs.filter((v) => v.vim === vim));
  const sections = Object.fromEntries(mine.map((vnfc) => [vnfc.id, vnfc.deployment]));
  const checked = validate(sections, `${service.file}: deployment`, z.record(z.string(), schema));
  return mine.map((vnfc) => ({
    vnfc,
    resource: vnfc.resource ?? vnfc.id,
    deployment: checked[vnfc.id] ?? schema.parse({}),
  }));
}
