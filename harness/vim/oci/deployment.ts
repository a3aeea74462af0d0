import { z } from 'zod';
import type { LocatedService } from '../../model/network-service.js';
import { type DeployedVnfc as Deployed, deployedVnfcs as deployedOn } from '../deployed-vnfcs.js';

/** The `deployment` section of a VNFC on a container VIM. */
export const deployment = z.strictObject({
  image: z
    .string()
    .optional()
    .describe('The image from which Ordeal may create the container. Absent: the container is there.'),
  archive: z
    .string()
    .optional()
    .describe('A tar of a root file system, relative to the descriptor, that becomes the image where it is missing.'),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z
    .record(z.string(), z.string())
    .default({})
    .describe('Where each disk is mounted, by disk id. Absent: in the order in which the container has its volumes.'),
  tmpfs: z.array(z.string()).default([]).describe('Paths, with options where they are wanted: /scratch:size=64m.'),
  networks: z
    .record(z.string(), z.strictObject({ address: z.string() }))
    .default({})
    .describe('The address by virtual link; needed for a container that Ordeal creates.'),
  listens: z
    .array(z.number().int().min(1).max(65535))
    .default([])
    .describe('TCP ports: it is up once it listens on them, and the next one is started then.'),
  memoryBytes: z.number().int().positive().optional(),
  cpus: z.number().positive().optional(),
  addresses: z
    .record(z.string(), z.string())
    .default({})
    .describe('Where an external connection point is reached: http://192.0.2.7:8080.'),
});
export type Deployment = z.output<typeof deployment>;

/** What every container VIM is told about its host: `vims.<kind>`. */
export const hostOptions = {
  folder: z.string().describe('On the host of the containers: where snapshots and the state of the driver lie.'),
  criu: z.string().default('criu').describe('The command `criu`, 4.2 or later on Linux 6.16 or later.'),
  runc: z.string().default('runc'),
  faketime: z
    .string()
    .optional()
    .describe(
      'libfaketime.so.1 on the host: what Ordeal creates can be given a wrong clock then. Absent: it cannot. Not with programs that bring jemalloc, such as Redis: they hang when they start.',
    ),
  networks: z
    .record(z.string(), z.strictObject({ subnet: z.string() }))
    .default({})
    .describe('Networks that Ordeal may create, by virtual link, with their subnet: 10.78.0.0/24.'),
};

type HostOptions = z.output<z.ZodObject<typeof hostOptions>>;

/** What of it the driver itself takes, whichever engine is above. */
export const partsOf = ({ folder, criu, runc, networks, faketime }: HostOptions) => ({
  folder,
  tools: { criu, runc },
  networks,
  faketime,
});

export type DeployedVnfc = Deployed<Deployment>;

export const deployedVnfcs = (service: LocatedService, vim: string): readonly DeployedVnfc[] =>
  deployedOn(service, vim, deployment);
