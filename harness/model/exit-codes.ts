import type { ErrorKind } from '../util/errors.js';
import type { Verdicts } from './verdict.js';

/** The one table of exit codes: what a CI pipeline or a person on call can tell from the number alone. */
export const exitCodes = {
  0: 'every run ended as its scenario expects',
  1: 'a step or an assertion failed that is not about the service',
  2: 'usage: wrong flag or argument',
  3: 'a file is not well-formed or not valid',
  4: 'a file is missing',
  5: 'a scenario asks for something that is not there or not allowed',
  6: 'a step of a feature is undefined',
  7: 'a target, VNF or VNFC is unknown',
  8: 'a WebAssembly module is refused',
  9: 'a port is in use',
  10: 'no space is left',
  11: 'a package was tampered with',
  12: 'a package is truncated',
  13: 'a package is not valid',
  14: 'a snapshot is missing, corrupt or in use',
  15: 'a capability is missing',
  16: 'the VIM cannot be reached',
  17: 'the VIM failed',
  18: 'a grant was denied, or the time or the descriptor forbids it',
  19: 'the blast radius would be exceeded',
  20: 'another run holds the service',
  21: 'a deadline passed',
  22: 'the run was taken over: it gave no sign of life, and its guard gave the service back',
  30: 'the service failed; it was restored and the evidence is exported',
  31: 'the service failed; it was restored, but the evidence is incomplete',
  32: 'the service failed and is NOT restored',
  33: 'the service is degraded; it was restored and the evidence is exported',
  34: 'inconclusive: the baseline was not steady, or too little was measured',
  35: 'the fault had no effect or the wrong dose: nothing is proven',
  36: 'a stop condition was crossed: the test was aborted, and everything was healed and restored first',
  37: 'worse than before, as `ordeal judge` or a step of a scenario found; the run itself may say more',
  70: 'a defect in Ordeal itself',
  130: 'interrupted; everything was healed and restored first',
} as const;
export type ExitCode = keyof typeof exitCodes;

const ofKind: Readonly<Record<ErrorKind, ExitCode>> = {
  usage: 2,
  'file-invalid': 3,
  'file-missing': 4,
  'scenario-invalid': 5,
  'step-undefined': 6,
  'unknown-target': 7,
  'module-invalid': 8,
  'port-in-use': 9,
  'no-space': 10,
  'package-tampered': 11,
  'package-truncated': 12,
  'package-invalid': 13,
  'snapshot-missing': 14,
  'snapshot-corrupt': 14,
  'snapshot-in-use': 14,
  'capability-missing': 15,
  'vim-unreachable': 16,
  'vim-failed': 17,
  'grant-denied': 18,
  'outside-window': 18,
  'snapshot-forbidden': 18,
  'blast-radius': 19,
  busy: 20,
  'lease-lost': 22,
  timeout: 21,
  'too-late': 21,
  interrupted: 130,
  stopped: 36,
  worse: 37,
  inconclusive: 34,
  internal: 70,
};

export const exitCodeOfError = (kind: ErrorKind): ExitCode => ofKind[kind];

/** The worst news first: a service that is still broken outranks everything that was not proven. */
export function exitCodeOfVerdicts({ service, injection, restoration, evidence }: Verdicts): ExitCode {
  if (restoration === 'not-restored') return 32;
  if (service === 'failed' || service === 'degraded') {
    if (evidence === 'incomplete') return 31;
    return service === 'failed' ? 30 : 33;
  }
  if (injection === 'no-effect' || injection === 'wrong-dose') return 35;
  if (service === 'inconclusive') return 34;
  return injection === 'confirmed' ? 0 : 35;
}
