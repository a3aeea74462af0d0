import { type ErrorKind, OrdealError, reasonOf } from '../../util/errors.js';
import { CallTimeoutError, ConnectionLostError, ErrorCode, LibvirtError, UriError } from './rpc/index.js';

const kinds: Readonly<Record<number, ErrorKind>> = {
  [ErrorCode.noDomain]: 'unknown-target',
  [ErrorCode.invalidDomain]: 'unknown-target',
  [ErrorCode.noDomainSnapshot]: 'snapshot-missing',
  [ErrorCode.operationTimeout]: 'timeout',
  [ErrorCode.agentUnresponsive]: 'timeout',
  [ErrorCode.resourceBusy]: 'busy',
  [ErrorCode.noSupport]: 'capability-missing',
  [ErrorCode.configUnsupported]: 'capability-missing',
  [ErrorCode.operationUnsupported]: 'capability-missing',
  [ErrorCode.argumentUnsupported]: 'capability-missing',
  [ErrorCode.authFailed]: 'vim-unreachable',
  [ErrorCode.authCancelled]: 'vim-unreachable',
  [ErrorCode.authUnavailable]: 'vim-unreachable',
};

const remedies: Partial<Record<ErrorKind, string>> = {
  timeout: 'Look at the state before the next step: the call may still take effect.',
  'vim-unreachable': 'Start libvirtd there, check vims.libvirt.uri and that you may open its socket.',
  'no-space': 'Free space in vims.libvirt.folder, or name another folder; nothing of it was kept.',
  busy: 'Wait for the job that is under way (virsh domjobinfo), then run again.',
};

/** libvirt's own words, its domain and code, and what they mean to Ordeal. @param what subject and event */
export function fromLibvirt(e: unknown, what: string, where: string): unknown {
  if (e instanceof LibvirtError) {
    const kind = /No space left on device/.test(e.message) ? 'no-space' : (kinds[e.code] ?? 'vim-failed');
    const cause = new Error(`${e.message} (libvirt ${e.domainName}, ${e.codeName}, ${e.procedure})`, { cause: e });
    return new OrdealError(kind, what, { where, cause, ...remedy(kind) });
  }
  if (e instanceof CallTimeoutError) return new OrdealError('timeout', what, { where, cause: e, ...remedy('timeout') });
  if (e instanceof ConnectionLostError) {
    return new OrdealError('vim-unreachable', what, { where, cause: e, ...remedy('vim-unreachable') });
  }
  if (e instanceof UriError) {
    return new OrdealError('file-invalid', reasonOf(e), { where, remedy: 'Correct vims.libvirt.uri.' });
  }
  return e;
}

const remedy = (kind: ErrorKind) => (remedies[kind] === undefined ? {} : { remedy: remedies[kind] });
