import { z } from 'zod';
import type { VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { hostOptions } from '../oci/deployment.js';
import { EngineHost } from '../oci/host.js';
import { OciVim } from '../oci/oci-vim.js';
import { PodmanEngine } from './podman-engine.js';

/** The driver's own section of the descriptor: `vims.podman`. */
export const podmanOptions = z.strictObject({
  ...hostOptions,
  folder: hostOptions.folder.default('/var/lib/ordeal/podman'),
  host: z
    .string()
    .default('unix:///run/podman/podman.sock')
    .describe('Where `podman system service` listens: unix:///path, tcp://host:port.'),
  pidFile: z
    .string()
    .optional()
    .describe("Of a process in the mount and network namespaces of Podman's service. Absent: they are our own."),
  runtimeRoot: z.string().default('/run/runc').describe('Where runc keeps the state of the containers.'),
});

/** @throws OrdealError of kind vim-unreachable when no service of Podman answers */
export async function openPodman(context: VimContext): Promise<OciVim> {
  const options = validate(context.options, `${context.service.file}: vims.podman`, podmanOptions);
  const engine = new PodmanEngine(options.host, options.runtimeRoot);
  await engine.version();
  const host = await EngineHost.ofPidFile(options.pidFile);
  const { criu, runc } = options;
  return new OciVim(context, {
    engine,
    host,
    folder: options.folder,
    tools: { criu, runc },
    networks: options.networks,
    faketime: options.faketime,
  });
}
