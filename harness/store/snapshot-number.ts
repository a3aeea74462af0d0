/** More than ever start in one millisecond. The numbers of this century stay whole in a double. */
const perMillisecond = 1000;

/**
 * The first of the numbers for snapshots that were begun at that time: a greater number is that of a newer snapshot, so
 * that what an index finds has the order of the answer already.
 * @param creationStartedAt ISO 8601
 */
export function firstNumberAt(creationStartedAt: string): number {
  const ms = Date.parse(creationStartedAt);
  return Number.isFinite(ms) ? Math.max(1, ms * perMillisecond) : 1;
}

/** The first number of the second that follows. */
export function secondAfter(number: number): number {
  const perSecond = 1000 * perMillisecond;
  return (Math.floor(number / perSecond) + 1) * perSecond;
}
