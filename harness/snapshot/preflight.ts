import type { Vnf, Vnfc } from '../model/network-service.js';
import type { ComputeState } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import type { CreateVnfSnapshotRequest } from './context.js';
import type { VimAccess } from './nfvo-relay.js';
import type { VnfcParameters } from './vnfc-options.js';

interface Planned {
  readonly request: CreateVnfSnapshotRequest;
  readonly vnf: Vnf;
  readonly vnfcs: readonly {
    readonly vnfc: Vnfc;
    readonly state: ComputeState;
    readonly parameters: VnfcParameters;
    readonly volumes: readonly string[];
  }[];
}

/**
 * Each VIM looks at what it would capture, before anything is touched.
 * @returns what is to be known, a line each
 * @throws OrdealError of kind capability-missing that names all that is in the way, of all VNFCs
 */
export async function preflight(access: VimAccess, { request, vnf, vnfcs }: Planned): Promise<string[]> {
  const lines: string[] = [];
  const inTheWay: string[] = [];
  for (const { vnfc, state, parameters, volumes } of vnfcs) {
    const asked = {
      name: request.name,
      type: parameters.type,
      volumes,
      ...(parameters.memory === undefined || parameters.type === 'cold' ? {} : { memory: parameters.memory }),
      ...(parameters.disk?.file === undefined && parameters.disk?.copy === undefined
        ? {}
        : {
            disk: {
              ...(parameters.disk.file === undefined ? {} : { file: parameters.disk.file }),
              ...(parameters.disk.copy === undefined ? {} : { copy: parameters.disk.copy }),
            },
          }),
      ...(request.path === undefined ? {} : { path: request.path }),
    };
    // Of one that has crashed its memory is asked for, and the disks alone are taken when there is none.
    if (state.powerState === 'crashed') continue;
    const found = await access.call(vnfc.vim, `look at ${vnfc.id} before it is captured`, async (vim) =>
      vim.snapshots.preflight?.(state.computeId, asked),
    );
    for (const { what, remedy, prevents } of found ?? []) {
      if (prevents) inTheWay.push(`${vnfc.id}: ${what}; ${remedy}`);
      else lines.push(`  ${vnfc.id}: ${what}; ${remedy}`);
    }
  }
  if (inTheWay.length === 0) return lines;
  throw new OrdealError('capability-missing', `VNF "${vnf.id}" cannot be snapshotted:\n  ${inTheWay.join('\n  ')}`, {
    remedy: 'Nothing was touched.',
  });
}
