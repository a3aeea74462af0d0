import { z } from 'zod';
import type { LocatedService, Vnfc } from '../../model/network-service.js';
import { validate } from '../../util/validate.js';

export const pageBytes = 65_536;

/** How the embedded NFVI starts a VNFC: the `deployment` section of the VNFC in the descriptor. */
export const deployment = z.strictObject({
  module: z.string().describe('The WebAssembly module, relative to the descriptor. See REACTOR.md.'),
  memoryMaxBytes: z
    .number()
    .int()
    .min(pageBytes, `must be at least one page of ${pageBytes} bytes`)
    .max(65_536 * pageBytes, 'must be at most 4 GiB')
    .default(64 * 1024 * 1024)
    .describe('What the linear memory may grow to; rounded down to pages.'),
  config: z.json().default({}).describe('Any JSON; the VNFC reads it with config().'),
  respawnMs: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('High availability of the NFVI itself: boot it afresh this long after a crash. Absent: never.'),
});
export type Deployment = z.output<typeof deployment>;

/** The driver's own section of the descriptor: `vims.embedded`. */
export const embeddedOptions = z.strictObject({
  maxLifetimeMs: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('The service ends by itself after this time. Absent: it runs until it is terminated.'),
});
export type EmbeddedOptions = z.output<typeof embeddedOptions>;

export interface DeployedVnfc {
  readonly vnfc: Vnfc;
  readonly vnfId: string;
  readonly resource: string;
  readonly deployment: Deployment;
}

/** The VNFCs of the service that are this VIM's, their deployments checked; all faults are reported at once. */
export function deployedVnfcs(service: LocatedService): readonly DeployedVnfc[] {
  const mine = service.descriptor.vnfs.flatMap((vnf) =>
    vnf.vnfcs.filter((v) => v.vim === 'embedded').map((vnfc) => ({ vnfId: vnf.id, vnfc })),
  );
  const sections = Object.fromEntries(mine.map(({ vnfc }) => [vnfc.id, vnfc.deployment]));
  const checked = validate(sections, `${service.file}: deployment`, z.record(z.string(), deployment));
  return mine.flatMap(({ vnfId, vnfc }) => {
    const found = checked[vnfc.id];
    return found === undefined ? [] : [{ vnfc, vnfId, resource: vnfc.resource ?? vnfc.id, deployment: found }];
  });
}
