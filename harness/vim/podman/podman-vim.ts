import { z } from 'zod';
import type { Vim, VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { ApiVim } from '../docker-api/api-only/api-vim.js';
import { DockerClient } from '../docker-api/client.js';
import { daemonOptions, folderFor, outOfReach } from '../docker-api/place.js';
import { hostOptions, partsOf } from '../oci/deployment.js';
import { EngineHost } from '../oci/host.js';
import { OciVim } from '../oci/oci-vim.js';
import { ApiPodmanEngine } from './api-podman.js';
import { PodmanEngine } from './podman-engine.js';

/** The driver's own section of the descriptor: `vims.podman`. */
export const podmanOptions = z.strictObject({
  ...hostOptions,
  ...daemonOptions,
  folder: hostOptions.folder.default('/var/lib/ordeal/podman'),
  host: z
    .string()
    .default('unix:///run/podman/podman.sock')
    .describe('Where `podman system service` listens: unix:///path, tcp://host:port, ssh://user@host.'),
  pidFile: z
    .string()
    .optional()
    .describe("Of a process in the mount and network namespaces of Podman's service. Absent: they are our own."),
  runtimeRoot: z.string().default('/run/runc').describe('Where runc keeps the state of the containers.'),
});

/** @throws OrdealError of kind vim-unreachable when no service of Podman answers */
export async function openPodman(context: VimContext): Promise<Vim> {
  const options = validate(context.options, `${context.service.file}: vims.podman`, podmanOptions);
  const { host: address, certificates, runtimeRoot, ssh: command } = options;
  const option = 'vims.podman.host';
  const ssh = { command, socket: '/run/podman/podman.sock' };
  const client = await DockerClient.open({ daemon: 'Podman service', host: address, certificates, ssh, option });
  try {
    const engine = new PodmanEngine(client, runtimeRoot);
    await engine.version();
    const why = await outOfReach(client, options.pidFile, async () => (await engine.kindOfService()).isRootless);
    if (why !== undefined) {
      const folder = folderFor(context, 'podman', options.folder);
      return new ApiVim(context, new ApiPodmanEngine(client, runtimeRoot), folder, why);
    }
    return new OciVim(context, { engine, host: await EngineHost.ofPidFile(options.pidFile), ...partsOf(options) });
  } catch (e) {
    await client[Symbol.asyncDispose]();
    throw e;
  }
}
