import { appendFileSync } from 'node:fs';
import type { LoadHook } from 'node:module';

/** A module hook: tells each module that is loaded. */
export const load: LoadHook = (url, context, next) => {
  appendFileSync(process.env.ORDEAL_TEST_MODULES ?? '', `${url}\n`);
  return next(url, context);
};
