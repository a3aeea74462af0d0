import { z } from 'zod';
import type { LocatedService } from '../../model/network-service.js';
import { type DeployedVnfc as Deployed, deployedVnfcs as deployedOn } from '../deployed-vnfcs.js';

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

export type DeployedVnfc = Deployed<Deployment>;

export const deployedVnfcs = (service: LocatedService): readonly DeployedVnfc[] =>
  deployedOn(service, 'libvirt', deployment);
