import { z } from 'zod';

/** VnfInfo: the runtime record of a VNF instance, built from what runs. Attribute names of SOL003 clause 5.5. */

export const powerState = z.enum(['on', 'off', 'suspended', 'crashed']);
export type PowerState = z.output<typeof powerState>;

export const vnfcResourceInfo = z.object({
  id: z.string(),
  vduId: z.string(),
  computeResource: z.object({ vimConnectionId: z.string(), resourceId: z.string() }),
  storageResourceIds: z.array(z.string()),
  vnfcCpInfo: z.array(z.object({ cpdId: z.string(), address: z.string(), vnfLinkPortId: z.string().optional() })),
  metadata: z.record(z.string(), z.unknown()),
});

/** State and settings of a virtual link at the moment of the record (clause 6.1.1). */
export const virtualLinkInfo = z.object({
  id: z.string(),
  vnfVirtualLinkDescId: z.string(),
  state: z.enum(['up', 'impaired', 'cut']),
  settings: z.record(z.string(), z.unknown()),
  ports: z.array(z.object({ vnfcId: z.string(), cpId: z.string(), state: z.enum(['up', 'down']) })),
});

export const vnfInfo = z.object({
  id: z.string(),
  vnfdId: z.string(),
  instantiationState: z.enum(['NOT_INSTANTIATED', 'INSTANTIATED']),
  instantiatedVnfInfo: z.object({
    vnfState: z.enum(['STARTED', 'STOPPED']),
    vnfcResourceInfo: z.array(vnfcResourceInfo),
    vnfVirtualLinkResourceInfo: z.array(virtualLinkInfo),
  }),
  vnfConfigurableProperties: z.record(z.string(), z.unknown()).default({}),
});

export type VnfInfo = z.output<typeof vnfInfo>;
export type VnfcResourceInfo = z.output<typeof vnfcResourceInfo>;
export type VirtualLinkInfo = z.output<typeof virtualLinkInfo>;
