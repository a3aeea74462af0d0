import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readService, ServiceSession } from '../online-test/session.js';
import { OrdealError } from '../util/errors.js';
import { packageRoot } from '../util/package-root.js';
import type { Context } from './context.js';

/** The descriptors of the sample services that this package brings along. */
export async function sampleServices(): Promise<string[]> {
  const folder = join(packageRoot, 'scenarios');
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((e) => e.isDirectory())
    .map((e) => join(folder, e.name, 'service.yaml'))
    .filter((file) => existsSync(file))
    .sort();
}

/** The descriptor of a sample service by its name, or a file by its path. @throws OrdealError of kind file-missing */
export function serviceFile({ outside }: Context, name: string): string {
  const candidates = [resolve(outside.cwd, name), join(packageRoot, 'scenarios', name, 'service.yaml')];
  const found = candidates.find((f) => /\.ya?ml$/.test(f) && existsSync(f));
  if (found !== undefined) return found;
  throw new OrdealError('file-missing', `There is no network service "${name}"`, {
    expected: `a sample service, or a descriptor file such as ${candidates[0]}`,
    remedy: 'See `ordeal services`.',
  });
}

export const openSession = async (context: Context, name: string): Promise<ServiceSession> =>
  ServiceSession.open(await readService(serviceFile(context, name)), {
    stateFolder: context.stateFolder,
    env: context.outside.env,
  });

/** The VNF that `--vnf` names, or the only one. @throws OrdealError of kind unknown-target */
export function chosenVnf({ service }: ServiceSession, vnf: string | undefined): string {
  const { id, vnfs } = service.descriptor;
  const chosen = vnf ?? (vnfs.length === 1 ? vnfs[0]?.id : undefined);
  if (chosen !== undefined && vnfs.some((v) => v.id === chosen)) return chosen;
  throw new OrdealError('unknown-target', `--vnf does not name a VNF of "${id}"`, {
    expected: `one of ${vnfs.map((v) => v.id).join(', ')}`,
    got: chosen ?? 'nothing',
  });
}
