import type { ConnectionPoint } from '../../../model/network-service.js';
import type { LoadedModule } from '../loader.js';

/** What the host is told to run; made and checked by the driver. */
export interface ServicePlan {
  readonly serviceId: string;
  /** Everything that the host writes lies here. */
  readonly folder: string;
  /** Prepared modules by hash. */
  readonly modulesFolder: string;
  readonly links: readonly string[];
  readonly vnfcs: readonly PlannedVnfc[];
}

export interface PlannedVnfc {
  readonly resource: string;
  readonly vnfcId: string;
  /** On every virtual link; stable over respawn, revert and switch-over. */
  readonly address: number;
  readonly module: LoadedModule;
  readonly memoryMaxBytes: number;
  /** JSON */
  readonly config: string;
  readonly respawnMs?: number;
  readonly connectionPoints: readonly ConnectionPoint[];
  readonly disks: readonly { readonly id: string; readonly sizeBytes: number; readonly independent: boolean }[];
}
