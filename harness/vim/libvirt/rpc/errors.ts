import { domainRef, optionalText, text } from './types.js';
import { decode, int32, opaqueFixed, optional, struct } from './xdr.js';

/** virErrorNumber, those that a caller may want to tell apart. */
export const ErrorCode = {
  internalError: 1,
  noSupport: 3,
  invalidDomain: 7,
  invalidArgument: 8,
  operationFailed: 9,
  domainExists: 28,
  operationDenied: 29,
  systemError: 38,
  rpc: 39,
  noDomain: 42,
  authFailed: 45,
  operationInvalid: 55,
  configUnsupported: 67,
  operationTimeout: 68,
  noDomainSnapshot: 72,
  argumentUnsupported: 74,
  snapshotRevertRisky: 77,
  operationAborted: 78,
  authCancelled: 79,
  noDomainMetadata: 80,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  accessDenied: 88,
  authUnavailable: 94,
  agentUnsynced: 97,
  deviceMissing: 99,
} as const;

/** virErrorDomain, which part of libvirt speaks: those that are met here. */
const errorDomains: Readonly<Record<number, string>> = {
  0: 'none',
  6: 'domain',
  7: 'rpc',
  10: 'qemu',
  13: 'remote',
  18: 'storage',
  20: 'domain-config',
  24: 'security',
  35: 'domain-snapshot',
  38: 'streams',
  44: 'capabilities',
  54: 'cgroup',
  55: 'access',
  60: 'polkit',
  67: 'resctrl',
};

const remoteError = struct({
  code: int32,
  domain: int32,
  message: optionalText,
  level: int32,
  dom: optional(domainRef),
  str1: optionalText,
  str2: optionalText,
  str3: optionalText,
  int1: int32,
  int2: int32,
  net: optional(struct({ name: text, uuid: opaqueFixed(16) })),
});

/** What libvirt answered instead of a result. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  constructor(
    /** The procedure that was called. */
    readonly procedure: string,
    /** virErrorNumber */
    readonly code: number,
    /** virErrorDomain */
    readonly domain: number,
    message: string,
  ) {
    super(message);
  }

  get codeName(): string {
    return Object.entries(ErrorCode).find(([, code]) => code === this.code)?.[0] ?? `code ${this.code}`;
  }

  get domainName(): string {
    return errorDomains[this.domain] ?? `domain ${this.domain}`;
  }

  static decode(procedure: string, payload: Buffer): LibvirtError {
    const it = decode(remoteError, payload);
    return new LibvirtError(procedure, it.code, it.domain, it.message ?? 'no message');
  }
}

/** The connection is gone: calls that were under way may or may not have had their effect. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** The call may still have its effect: look at the state before the next step. The connection stays usable. */
export class CallTimeoutError extends Error {
  override readonly name = 'CallTimeoutError';
  constructor(
    readonly procedure: string,
    readonly deadlineMs: number,
  ) {
    super(`libvirt did not answer ${procedure} within ${deadlineMs} ms`);
  }
}
