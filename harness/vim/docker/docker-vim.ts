import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Vim, VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { ApiVim } from '../docker-api/api-only/api-vim.js';
import { DockerClient } from '../docker-api/client.js';
import { type Endpoint, endpointOfDocker } from '../docker-api/contexts.js';
import { daemonOptions, folderFor, outOfReach } from '../docker-api/place.js';
import { hostOptions, partsOf } from '../oci/deployment.js';
import { EngineHost } from '../oci/host.js';
import { OciVim } from '../oci/oci-vim.js';
import { ApiDockerEngine } from './api-docker.js';
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
    const isRootless = async () => (await engine.kindOfDaemon()).isRootless;
    const why = await outOfReach(client, options.pidFile, isRootless);
    if (why !== undefined) {
      const folder = folderFor(context, 'docker', options.folder);
      return new ApiVim(context, new ApiDockerEngine(client, options.runtimeRoot), folder, why);
    }
    return new OciVim(context, { engine, host: await EngineHost.ofPidFile(options.pidFile), ...partsOf(options) });
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

const isRoot = (): boolean => process.getuid?.() === 0;

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
