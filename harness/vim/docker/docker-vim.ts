import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Vim, VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { DockerClient } from '../docker-api/client.js';
import { type Endpoint, endpointOfDocker } from '../docker-api/contexts.js';
import { daemonOptions, hostOfDaemon, isOnThisMachine } from '../docker-api/place.js';
import { hostOptions, partsOf } from '../oci/deployment.js';
import { OciVim } from '../oci/oci-vim.js';
import { ApiDockerEngine } from './api-only/api-engine.js';
import { ApiVim } from './api-only/api-vim.js';
import { DockerEngine } from './docker-engine.js';

const SOCKET = '/var/run/docker.sock';

/** The driver's own section of the descriptor: `vims.docker`. */
export const dockerOptions = z.strictObject({
  ...hostOptions,
  ...daemonOptions,
  folder: hostOptions.folder.default('/var/lib/ordeal/docker'),
  host: z
    .string()
    .optional()
    .describe(
      'Where dockerd is: unix:///path, tcp://host:port, ssh://user@host. Absent: as for `docker`: context, DOCKER_HOST, DOCKER_CONTEXT, the context in use, the socket of this machine.',
    ),
  context: z.string().optional().describe('A Docker context, as `docker context ls` names it.'),
  pidFile: z
    .string()
    .default('/var/run/docker.pid')
    .describe("dockerd's, on this machine: its namespaces are entered."),
  runtimeRoot: z
    .string()
    .default('/var/run/docker/runtime-runc/moby')
    .describe('Where runc keeps the state of the containers: <exec-root>/runtime-runc/moby.'),
});
type DockerOptions = z.output<typeof dockerOptions>;

/** @throws OrdealError of kind vim-unreachable when no dockerd answers */
export async function openDocker(context: VimContext): Promise<Vim> {
  const options = validate(context.options, `${context.service.file}: vims.docker`, dockerOptions);
  const { host, certificates } = await endpointOf(options);
  const ssh = { command: options.ssh, socket: SOCKET };
  const client = await DockerClient.open({ daemon: 'dockerd', host, certificates, ssh, option: 'vims.docker.host' });
  try {
    const engine = new DockerEngine(client, options.runtimeRoot);
    await engine.version();
    const why = await outOfReach(engine, options.pidFile);
    if (why !== undefined) {
      return new ApiVim(context, new ApiDockerEngine(client, options.runtimeRoot), folderOf(context, options), why);
    }
    return new OciVim(context, { engine, host: await hostOfDaemon(client, options.pidFile), ...partsOf(options) });
  } catch (e) {
    await client[Symbol.asyncDispose]();
    throw e;
  }
}

async function endpointOf({ host, context, certificates }: DockerOptions): Promise<Endpoint> {
  if (host !== undefined) return { host, certificates };
  const said = await endpointOfDocker(context);
  if (said !== undefined) return { ...said, certificates: certificates ?? said.certificates };
  const own = join(process.env.XDG_RUNTIME_DIR ?? '', 'docker.sock');
  const isRootless = process.env.XDG_RUNTIME_DIR !== undefined && !isRoot() && (await isThere(own));
  return { host: `unix://${isRootless ? own : SOCKET}`, certificates };
}

/** Why memory, layers and networks cannot be reached through the kernel; undefined when they can. */
async function outOfReach(engine: DockerEngine, pidFile: string): Promise<string | undefined> {
  const { host } = engine.client;
  if (!(await isOnThisMachine(host, pidFile))) return `the dockerd at ${host} is not known to be on this machine`;
  if (!isRoot()) return 'Ordeal does not run as root here';
  const { isRootless } = await engine.nature();
  return isRootless ? 'dockerd is rootless: its containers are in namespaces of its user' : undefined;
}

/** The default is a folder on the host of the containers, which another machine, or another user, does not have. */
const folderOf = ({ stateFolder, options }: VimContext, { folder }: DockerOptions): string =>
  options.folder === undefined ? join(stateFolder, 'docker') : folder;

const isRoot = (): boolean => process.getuid?.() === 0;

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
