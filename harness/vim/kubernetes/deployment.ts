import { z } from 'zod';
import type { LocatedService } from '../../model/network-service.js';
import { type DeployedVnfc as Deployed, deployedVnfcs as deployedOn } from '../deployed-vnfcs.js';

/** How a VNFC answers for itself: what Ordeal asks it, through the API server, to see a fault at the target. */
export const selfReport = z.strictObject({
  port: z.number().int().min(1).max(65535),
  health: z.string().default('/').describe('Answers with 2xx while the VNFC works.'),
  link: z
    .string()
    .optional()
    .describe('Answers with 2xx while the VNFC reaches its peers: its own check of its links.'),
  disk: z.string().optional().describe('Answers with 2xx while the VNFC can write to its disks.'),
});

/** The `deployment` section of a VNFC on this VIM. A VNFC is the one pod of a Deployment. */
export const deployment = z.strictObject({
  container: z.string().optional().describe('The container that is the VNFC. Absent: the first.'),
  volumes: z
    .record(z.string(), z.string())
    .default({})
    .describe("The pod's volume by disk id. Absent: in the order in which the pod has its claims."),
  addresses: z
    .record(z.string(), z.string())
    .default({})
    .describe('Where an external connection point is reached: http://192.0.2.7:30080.'),
  ask: selfReport.optional(),
});
export type Deployment = z.output<typeof deployment>;

/** The driver's own section of the descriptor: `vims.kubernetes`. */
export const kubernetesOptions = z.strictObject({
  kubeconfig: z.string().optional().describe('Default: KUBECONFIG, ~/.kube/config, or the pod that Ordeal runs in.'),
  context: z.string().optional(),
  namespace: z.string().optional().describe("Where the service is. Default: the context's."),
  manifests: z
    .array(z.string())
    .default([])
    .describe('The objects, relative to the descriptor, from which Ordeal may start the service. Absent: it runs.'),
  folder: z.string().optional().describe('Where records and checkpoints lie. Default: in the state folder.'),
  volumeSnapshotClass: z.string().optional().describe("Default: the cluster's default class."),
  checkpointReader: z
    .string()
    .default('busybox:1.37')
    .describe(
      'An image with `httpd`: it reads checkpoints from the folder of the kubelet, which has no call for that.',
    ),
  checkpointFolder: z.string().default('/var/lib/kubelet/checkpoints').describe('On every node.'),
  forceFinalizers: z
    .boolean()
    .default(false)
    .describe('A Chaos Mesh object that is not taken back in time is removed all the same. What it did may stay.'),
});
export type KubernetesOptions = z.output<typeof kubernetesOptions>;

export type DeployedVnfc = Deployed<Deployment>;

export const deployedVnfcs = (service: LocatedService): readonly DeployedVnfc[] =>
  deployedOn(service, 'kubernetes', deployment);
