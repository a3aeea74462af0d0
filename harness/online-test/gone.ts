import { OrdealError } from '../util/errors.js';

/** What somebody has deleted meanwhile is undefined. @throws whatever else fails */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof OrdealError && e.kind === 'unknown-target') return undefined;
    throw e;
  }
}
