import { rm } from 'node:fs/promises';
import type { Vim } from '../../harness/model/vim.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { test as base, expect, UnprovenError } from '../../scenarios/fixtures.js';
import { writeLaneService } from '../online-test/kills/lane-service.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A VIM that says that it has injected, and has not. */
const idle = (vim: Vim): Vim =>
  new Proxy(vim, {
    get(target, key) {
      if (key === 'faults') return { ...target.faults, inject: () => Promise.resolve() };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

const test = base.extend<object, { service: ServiceSession }>({
  service: [
    async ({}, use) => {
      const stateFolder = await temporaryFolder('unproven');
      const service = await readService(await writeLaneService(stateFolder, 'unproven'));
      {
        await using session = await ServiceSession.open(service, { stateFolder, wrapVim: idle });
        await session.start();
        await use(session);
      }
      await rm(stateFolder, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
});
const request = {
  baselineMs: 1500,
  expectedRecoveryMs: 300,
  faults: [{ kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 200 }],
};

test('a fault without effect fails the test, whatever the service did, and says why', async ({ onlineTest }) => {
  const failure = await onlineTest(request).catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(UnprovenError);
  const { message, record } = failure as UnprovenError;
  expect(message).toMatch(
    /The run proves nothing: expected: the fault is injected, in its dose; got: injection no-effect/,
  );
  expect(message).toMatch(/stall: no-effect, the fault is not on/);
  expect(record.exitCode).toBe(35);
});

test.describe('where the test says so', () => {
  test.use({ acceptUnproven: true });

  test('a fault without effect is returned, and does not fail the test', async ({ onlineTest }) => {
    expect((await onlineTest(request)).verdicts.injection).toBe('no-effect');
  });
});
