import { test } from '@playwright/test';

/** The test is skipped, with the reason, where it cannot be had. */
export async function orSkip<T>(wanted: Promise<T>): Promise<T> {
  return wanted.catch((e: Error) => {
    test.skip(true, e.message);
    throw e;
  });
}
