import { z } from 'zod';
import type { LocatedService, Vnfc } from '../../model/network-service.js';
import { validate } from '../../util/validate.js';

/** The `deployment` section of a VNFC on this VIM. Everything has a default that fits an ordinary domain. */
export const deployment = z.strictObject({
  domain: z
    .string()
    .optional()
    .describe('The domain XML, relative to the descriptor, from which Ordeal may start the VNFC. Absent: it is there.'),
  disks: z
    .record(z.string(), z.string())
    .default({})
    .describe('Target device (vda) by disk id. Absent: in the order in which the domain has them.'),
  interfaces: z
    .record(z.string(), z.string())
    .default({})
    .describe('MAC address by connection point. Absent: in the order in which the domain has its interfaces.'),
  addresses: z
    .record(z.string(), z.string())
    .default({})
    .describe('Where an external connection point is reached: http://192.0.2.7:8080.'),
});
export type Deployment = z.output<typeof deployment>;

/** The driver's own section of the descriptor: `vims.libvirt`. */
export const libvirtOptions = z.strictObject({
  uri: z.string().default('qemu:///system').describe('Where libvirt is: qemu:///system, qemu+ssh://user@host/system.'),
  folder: z
    .string()
    .default('/var/lib/libvirt/images/ordeal')
    .describe('On the host of the VMs: where snapshots and the disks of restored VNFCs lie; QEMU must reach it.'),
});
export type LibvirtOptions = z.output<typeof libvirtOptions>;

export interface DeployedVnfc {
  readonly vnfc: Vnfc;
  readonly resource: string;
  readonly deployment: Deployment;
}

/** The VNFCs of the service that are this VIM's; all faults of their deployments are reported at once. */
export function deployedVnfcs(service: LocatedService): readonly DeployedVnfc[] {
  const mine = service.descriptor.vnfs.flatMap((vnf) => vnf.vnfcs.filter((v) => v.vim === 'libvirt'));
  const sections = Object.fromEntries(mine.map((vnfc) => [vnfc.id, vnfc.deployment]));
  const checked = validate(sections, `${service.file}: deployment`, z.record(z.string(), deployment));
  return mine.map((vnfc) => ({
    vnfc,
    resource: vnfc.resource ?? vnfc.id,
    deployment: checked[vnfc.id] ?? deployment.parse({}),
  }));
}
