import { z } from 'zod';

/** The snapshot descriptor: table 7.3-1 (Vnfsd.001 to .018) and the options of clause 6.1.2. */

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM');

export const snapshotWindow = z.strictObject({
  days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).min(1),
  start: time,
  end: time.describe('Before start: the window runs over midnight.'),
  timeZone: z.string().default('UTC').describe('An IANA name, such as Europe/Paris.'),
});

export const grantedOperation = z.enum([
  'createSnapshot',
  'revertToSnapshot',
  'createPackage',
  'queryPackage',
  'deletePackage',
  'extractPackage',
  'importPackage',
  'exportPackage',
]);

export const snapshotType = z.enum(['cold', 'warm']);

export const vnfcSnapshotOptions = z.strictObject({
  forbidden: z.boolean().default(false).describe('This VNFC is left out, and the snapshot says so (clause 6.1.1).'),
  type: snapshotType.default('warm').describe('Vnfsd.005'),
  memory: z.enum(['internal', 'external']).optional().describe('Vnfsd.006; absent: what the VIM does best'),
  disk: z
    .strictObject({
      file: z.enum(['internal', 'external']).optional(),
      copy: z.enum(['sequential', 'incremental']).optional(),
    })
    .optional()
    .describe('Vnfsd.007'),
  powerOff: z.enum(['no', 'before', 'after']).default('no').describe('Vnfsd.009'),
  powerOnAfter: z.boolean().default(false).describe('Vnfsd.010'),
  detachDisksBefore: z.boolean().default(false).describe('Vnfsd.011'),
  attachDisksAfter: z.boolean().default(false).describe('Vnfsd.012'),
  whenPoweredOff: z.enum(['no', 'yes', 'ask']).default('no').describe('Vnfsd.013'),
  revertWhenPoweredOn: z.boolean().default(false).describe('Vnfsd.014'),
  volumes: z.array(z.string()).optional().describe('Vnfsd.016; absent: all that are not independent'),
});

export const snapshotDescriptor = z.strictObject({
  creationAllowed: z.boolean().default(true).describe('Vnfsd.001'),
  reversionAllowed: z.boolean().default(true).describe('Vnfsd.002'),
  vnfcIds: z.array(z.string()).optional().describe('Vnfsd.003; absent: all'),
  windows: z.array(snapshotWindow).optional().describe('Vnfsd.004; absent: at any time'),
  consistent: z.boolean().default(true).describe('Vnfsd.008'),
  grants: z
    .partialRecord(grantedOperation, z.enum(['required', 'not-required']))
    .default({})
    .describe('Vnfsd.015'),
  creationOrder: z.array(z.string()).optional().describe('Vnfsd.017'),
  reversionOrder: z.array(z.string()).optional().describe('Vnfsd.018'),
  replacePrevious: z.boolean().default(false).describe('A new VNF Snapshot replaces the previous one (clause 6.1.1).'),
  vnfcs: z.record(z.string(), vnfcSnapshotOptions).default({}),
});

export type SnapshotDescriptor = z.output<typeof snapshotDescriptor>;
export type VnfcSnapshotOptions = z.output<typeof vnfcSnapshotOptions>;
export type SnapshotType = z.output<typeof snapshotType>;
export type SnapshotWindow = z.output<typeof snapshotWindow>;
export type GrantedOperation = z.output<typeof grantedOperation>;
