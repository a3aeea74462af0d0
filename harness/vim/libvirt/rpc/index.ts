/** libvirt's own RPC protocol in TypeScript: no native code, no libvirt on this side. See README.md one folder up. */
export { type ClientOptions, LibvirtClient, type LifecycleEvent } from './client.js';
export { CallTimeoutError, ConnectionLostError, ErrorCode, LibvirtError } from './errors.js';
export type { Lifecycle } from './events.js';
export { type Procedure, procedures } from './procedures.js';
export { type DomainRef, type SnapshotRef, type TypedParameter, uuidBytes, uuidText } from './types.js';
export { type LibvirtUri, parseLibvirtUri, UriError } from './uri.js';
