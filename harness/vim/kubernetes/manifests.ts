import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { LocatedService } from '../../model/network-service.js';
import { classifyIo, ManyErrors, OrdealError } from '../../util/errors.js';

/** What a service may be made of: where each kind is in the API. None but these is created or deleted. */
const kinds = {
  ConfigMap: { api: '/api/v1', group: '', plural: 'configmaps' },
  Service: { api: '/api/v1', group: '', plural: 'services' },
  PersistentVolumeClaim: { api: '/api/v1', group: '', plural: 'persistentvolumeclaims' },
  PodDisruptionBudget: { api: '/apis/policy/v1', group: 'policy', plural: 'poddisruptionbudgets' },
  Deployment: { api: '/apis/apps/v1', group: 'apps', plural: 'deployments' },
} as const;
export type ServiceKind = keyof typeof kinds;
/** In the order of creation: what others refer to comes first. */
export const serviceKinds = Object.keys(kinds) as readonly ServiceKind[];
export const resourceOfKind = (kind: ServiceKind) => kinds[kind];

const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.enum(serviceKinds),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.undefined('must be left out: vims.kubernetes.namespace says where').optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});
export type Manifest = z.output<typeof manifest>;

/** @throws OrdealError of kinds file-missing and file-invalid: every fault of all files at once */
export async function readManifests(service: LocatedService, files: readonly string[]): Promise<Manifest[]> {
  const found: Manifest[] = [];
  const faults: Error[] = [];
  for (const name of files) {
    const file = resolve(service.folder, name);
    const text = await readFile(file, 'utf8').catch((e: unknown) => {
      throw classifyIo(e, file);
    });
    for (const [i, document] of parseAllDocuments(text).entries()) {
      const [error] = document.errors;
      if (error !== undefined) {
        faults.push(new Error(`${file}: document ${i + 1}: ${error.message.split('\n')[0]}`));
        continue;
      }
      const data: unknown = document.toJS();
      if (data === null) continue;
      const read = manifest.safeParse(data);
      if (read.success) found.push(read.data);
      else
        for (const { path, message } of read.error.issues) {
          faults.push(new Error(`${file}: document ${i + 1}: ${path.join('.')}: ${message}`));
        }
    }
  }
  if (faults.length > 0) {
    throw new ManyErrors('file-invalid', 'The manifests cannot be used', faults, 'Correct them; nothing was created.');
  }
  const twice = found.find((a, i) => found.findIndex((b) => nameOf(a) === nameOf(b)) !== i);
  if (twice !== undefined) throw new OrdealError('file-invalid', `The manifests have ${nameOf(twice)} twice`);
  return found.sort((a, b) => serviceKinds.indexOf(a.kind) - serviceKinds.indexOf(b.kind));
}

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind} "${metadata.name}"`;
