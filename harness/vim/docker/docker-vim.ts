import { z } from 'zod';
import type { VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { DockerClient } from '../docker-api/client.js';
import { daemonOptions, hostOfDaemon } from '../docker-api/place.js';
import { hostOptions, partsOf } from '../oci/deployment.js';
import { OciVim } from '../oci/oci-vim.js';
import { DockerEngine } from './docker-engine.js';

/** The driver's own section of the descriptor: `vims.docker`. */
export const dockerOptions = z.strictObject({
  ...hostOptions,
  ...daemonOptions,
  folder: hostOptions.folder.default('/var/lib/ordeal/docker'),
  host: z.string().default('unix:///var/run/docker.sock').describe('Where dockerd is: unix:///path, tcp://host:port.'),
  pidFile: z
    .string()
    .default('/var/run/docker.pid')
    .describe("dockerd's, on this machine: its namespaces are entered."),
  runtimeRoot: z
    .string()
    .default('/var/run/docker/runtime-runc/moby')
    .describe('Where runc keeps the state of the containers: <exec-root>/runtime-runc/moby.'),
});

/** @throws OrdealError of kind vim-unreachable when no dockerd answers */
export async function openDocker(context: VimContext): Promise<OciVim> {
  const options = validate(context.options, `${context.service.file}: vims.docker`, dockerOptions);
  const { host: address, certificates, runtimeRoot } = options;
  const option = 'vims.docker.host';
  const client = await DockerClient.open({ daemon: 'dockerd', host: address, certificates, option });
  const engine = new DockerEngine(client, runtimeRoot);
  await engine.version();
  const host = await hostOfDaemon(client, options.pidFile);
  return new OciVim(context, { engine, host, ...partsOf(options) });
}
