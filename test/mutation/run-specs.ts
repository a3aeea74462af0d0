import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { runAll } from './playwright-shim.js';

/** Runs compiled specs in this process: `run-specs.js dist/test/fault/injector.spec.js …`. Ends with 1 at the first failure. */
register('./resolve-shim.js', import.meta.url);
try {
  for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)).href);
  const shim = (await import('./playwright-shim.js')) as { runAll: typeof runAll };
  console.log(`${await shim.runAll()} passed`);
  process.exit(0);
} catch (e) {
  console.error(e);
  process.exit(1);
}
