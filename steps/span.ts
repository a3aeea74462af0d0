import type { Composed, TimedFault } from '../harness/online-test/request.js';
import type { Span } from './parameter-types.js';

/** A fault with the times that the words say. */
export function spanned(fault: TimedFault, { repeated, ...times }: Span): Composed {
  const timed = { ...fault, ...times };
  return repeated === undefined ? timed : { repeat: [timed], ...repeated };
}
