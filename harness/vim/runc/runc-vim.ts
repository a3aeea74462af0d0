import { join } from 'node:path';
import { z } from 'zod';
import type { VimContext } from '../../model/vim.js';
import { validate } from '../../util/validate.js';
import { hostOptions, partsOf } from '../oci/deployment.js';
import { EngineHost } from '../oci/host.js';
import { OciVim } from '../oci/oci-vim.js';
import { RuncEngine } from './runc-engine.js';
import { RuncFolder } from './runc-folder.js';

/** The driver's own section of the descriptor: `vims.runc`. */
export const runcOptions = z.strictObject({
  ...hostOptions,
  folder: hostOptions.folder.default('/var/lib/ordeal/runc'),
  conmon: z.string().default('conmon').describe('The command `conmon`, which stays with each container.'),
  pidFile: z
    .string()
    .optional()
    .describe('Of a process in whose mount and network namespaces the containers are set up. Absent: in our own.'),
  runtimeRoot: z.string().default('/run/ordeal-runc').describe('Where runc keeps the state of the containers.'),
  lazyRevert: z
    .boolean()
    .default(false)
    .describe(
      'Memory comes back when it is touched: large VNFCs serve at once, and depend on a process until all is back.',
    ),
  cgroupParent: z.string().default('ordeal').describe('The control group under which each container has its own.'),
});

/** @throws OrdealError of kind capability-missing when there is no runc */
export async function openRunc(context: VimContext): Promise<OciVim> {
  const options = validate(context.options, `${context.service.file}: vims.runc`, runcOptions);
  const { criu, runc, conmon, lazyRevert, runtimeRoot, cgroupParent } = options;
  const host = await EngineHost.ofPidFile(options.pidFile);
  const folder = new RuncFolder(join(options.folder, 'engine'));
  const engine = new RuncEngine(host, folder, { criu, runc, conmon, isLazy: lazyRevert }, runtimeRoot, cgroupParent);
  await engine.version();
  return new OciVim(context, { engine, host, ...partsOf(options) });
}
