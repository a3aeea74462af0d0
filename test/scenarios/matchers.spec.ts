import { expect, test } from '../../scenarios/fixtures.js';

test('the record of a run answers what the steps ask', async ({ onlineTest }) => {
  const run = await onlineTest({
    baselineMs: 3000,
    expectedRecoveryMs: 1500,
    faults: [{ kind: 'crash', target: { vnfc: 'worker-1' } }],
  });
  expect(run).toBeAsBefore();
  await expect(run).toKeep('latencyP50', { absolute: 100 });
  await expect(run).toBeBackWithin(5000);
  await expect(run).toHaveLostNothing();

  await expect(expect(run).toKeep('latencyP99', { relative: 0.01 }, 'hits')).rejects.toThrow(
    /latencyP99 is within .*0\.01.* of the baseline\s+got: (inconclusive|worse)/,
  );
  await expect(expect(run).toKeep('latencyP50', {}, 'nothing')).rejects.toThrow(/There is no probe "nothing"/);
  await expect(expect({ ...run }).toBeBackWithin(1)).rejects.toThrow(/no run of this test/);
});
