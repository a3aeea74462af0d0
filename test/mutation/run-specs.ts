import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reasonOf } from '../../harness/util/errors.js';
import type { runAll } from './playwright-shim.js';

/** Asked by the parent process: with which mutant the specs are to be run; null for none. */
export interface Question {
  readonly mutant: string | null;
}
/** What came of it: why a spec failed, or undefined when all passed. */
export interface Answer {
  readonly failure?: string;
}
interface Switches {
  __stryker__?: { activeMutant?: string | undefined; hitCount?: number; hitLimit?: number };
}

/** An endless loop goes through its own mutant more often than any spec does. */
const hitLimit = 1_000_000;

const globals = globalThis as Switches;
globals.__stryker__ ??= {};
const switches = globals.__stryker__;

register('./resolve-shim.js', import.meta.url);
for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)).href);
const shim = (await import('./playwright-shim.js')) as { runAll: typeof runAll };

let fail: (e: unknown) => void = () => undefined;
for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, (e) => fail(e));

/** Runs compiled specs in this process, again and again: `run-specs.js dist/test/fault/injector.spec.js …`, forked. */
process.on('message', async ({ mutant }: Question) => {
  // The mutated modules know this one object.
  Object.assign(switches, { activeMutant: mutant ?? undefined, hitCount: 0, hitLimit });
  // For the processes that a spec starts.
  if (mutant === null) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const answer = await Promise.race([shim.runAll(), broken]).then(
    (): Answer => ({}),
    (e: unknown): Answer => ({ failure: `${reasonOf(e)}: ${reasonOf((e as Error).cause)}` }),
  );
  process.send?.(answer);
});
process.on('disconnect', () => process.exit(1));
process.send?.({} satisfies Answer);
