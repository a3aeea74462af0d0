import { OrdealError } from '../util/errors.js';
import type { PackageState } from './package-info.js';

/** SOL005 clause 11: how a package in the repository may go from one state to the next. */
export const transitions: Readonly<Record<PackageState, readonly PackageState[]>> = {
  CREATED: ['BUILDING', 'UPLOADING', 'ERROR'],
  BUILDING: ['PROCESSING', 'ERROR'],
  UPLOADING: ['PROCESSING', 'ERROR'],
  PROCESSING: ['AVAILABLE', 'ERROR'],
  AVAILABLE: ['EXTRACTING'],
  EXTRACTING: ['AVAILABLE', 'ERROR_EXTRACTING'],
  ERROR_EXTRACTING: ['EXTRACTING'],
  ERROR: [],
};

/** States in which somebody is at work on the package. */
export const busyStates: readonly PackageState[] = ['CREATED', 'BUILDING', 'UPLOADING', 'PROCESSING', 'EXTRACTING'];

/** @throws OrdealError of kind `busy` while somebody is at work on it, else of kind `package-invalid` */
export function assertTransition(id: string, from: PackageState, to: PackageState): void {
  if (transitions[from].includes(to)) return;
  const isBusy = busyStates.includes(from);
  throw new OrdealError(isBusy ? 'busy' : 'package-invalid', `Package "${id}" cannot become ${to}`, {
    expected: `one of ${Object.entries(transitions)
      .filter(([, next]) => next.includes(to))
      .map(([state]) => state)
      .join(', ')}`,
    got: from,
    remedy: isBusy ? 'Wait for that to end.' : 'Delete it, and create or import it again.',
  });
}
