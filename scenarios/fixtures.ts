import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test as base } from '@playwright/test';
import type { RunRecord } from '../harness/model/run-record.js';
import { labelFrom } from '../harness/online-test/history.js';
import { unconfirmed, whatIsUnproven } from '../harness/online-test/proof.js';
import type { OnlineTestRequest } from '../harness/online-test/request.js';
import { runOnlineTest } from '../harness/online-test/run.js';
import { readService, ServiceSession } from '../harness/online-test/session.js';
import { OrdealError } from '../harness/util/errors.js';
import { packageRoot } from '../harness/util/package-root.js';
import { remember } from './matchers.js';

export { expect } from './matchers.js';

/**
 * One online test; the title is the test's own. @returns the run record, with the four verdicts
 * @throws UnprovenError when the fault had no effect or the wrong dose, or the run did not go to its end
 */
export type OnlineTest = (request: Omit<OnlineTestRequest, 'title' | 'front'>) => Promise<RunRecord>;

interface ServiceOptions {
  /** A sample service, or a descriptor file relative to the current folder. Set it with `test.use`. */
  serviceName: string;
  /** Where run folders are made; default reports/out. */
  outFolder: string;
  /** A retry injects the fault into the service again; it must be wanted. */
  injectAgainOnRetry: boolean;
  /** A run that proves nothing is returned and does not fail the test; for tests that look at just that. */
  acceptUnproven: boolean;
}

/** The service may be as it should be, but the run does not prove it. */
export class UnprovenError extends Error {
  override readonly name = 'UnprovenError';

  constructor(
    readonly record: RunRecord,
    expected: string,
  ) {
    const { service, injection } = record.verdicts;
    const why = [...record.errors, ...unconfirmed(record)].map((line) => `\n  ${line}`).join('');
    super(
      `The run proves nothing: expected: ${expected}; got: injection ${injection}, service ${service}${why}\n` +
        'Say `test.use({ acceptUnproven: true })` where such a run is what the test is about.',
    );
  }
}

type PerTest = 'injectAgainOnRetry' | 'acceptUnproven';

/**
 * Playwright Test with a network service at hand. Each worker has a service and a state folder of its own, so tests run
 * in parallel.
 *
 *     import { expect, test } from 'ordeal/playwright';
 *     test('the store crashes', async ({ onlineTest }) => {
 *       const run = await onlineTest({ faults: [{ kind: 'crash', target: { vnfc: 'store-1' } }] });
 *       expect(run.verdicts.service).toBe('recovered');
 *     });
 */
export const test = base.extend<
  { onlineTest: OnlineTest } & Pick<ServiceOptions, PerTest>,
  Omit<ServiceOptions, PerTest> & { service: ServiceSession }
>({
  serviceName: ['session-gateway', { scope: 'worker', option: true }],
  outFolder: ['reports/out', { scope: 'worker', option: true }],
  injectAgainOnRetry: [false, { option: true }],
  acceptUnproven: [false, { option: true }],

  service: [
    async ({ serviceName }, use) => {
      const sample = join(packageRoot, 'scenarios', serviceName, 'service.yaml');
      const stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-state-'));
      const located = await readService(existsSync(sample) ? sample : resolve(serviceName));
      {
        await using session = await ServiceSession.open(located, { stateFolder });
        await session.start();
        await use(session);
      }
      await rm(stateFolder, { recursive: true, force: true });
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  onlineTest: async ({ service, outFolder, injectAgainOnRetry, acceptUnproven }, use, testInfo) => {
    await use(async (request) => {
      if (testInfo.retry > 0 && !injectAgainOnRetry) {
        throw new OrdealError('scenario-invalid', `Retry ${testInfo.retry} would inject the fault again`, {
          where: testInfo.title,
          remedy:
            'Look at the first run; say `test.use({ injectAgainOnRetry: true })` where a second injection is wanted.',
        });
      }
      const record = await runOnlineTest(
        service,
        { ...request, title: testInfo.title, front: 'playwright' },
        { outFolder, label: labelFrom(process.env) },
      );
      remember({ session: service, record, folder: join(resolve(outFolder), record.id) });
      await testInfo.attach('run.json', { body: JSON.stringify(record, null, 2), contentType: 'application/json' });
      const unproven = acceptUnproven ? undefined : whatIsUnproven(record);
      if (unproven !== undefined) throw new UnprovenError(record, unproven);
      return record;
    });
  },
});
