import { domainRef } from './types.js';
import { int32, struct } from './xdr.js';

/** Events are messages of the remote program that nobody asked for by serial. */
export const lifecycleEvent = {
  number: 318,
  body: struct({ callbackId: int32, dom: domainRef, event: int32, detail: int32 }),
} as const;
/** virDomainEventID */
export const LIFECYCLE_EVENT_ID = 0;

/** virDomainEventType, in its order. */
export const lifecycles = [
  'defined',
  'undefined',
  'started',
  'suspended',
  'resumed',
  'stopped',
  'shutdown',
  'pm-suspended',
  'crashed',
] as const;
export type Lifecycle = (typeof lifecycles)[number];
