import { Then } from '@cucumber/cucumber';
import type { IndicatorName, Tolerance } from '../harness/model/network-service.js';
import { backWithin, compareWithBaseline, type Kept, lostMembers } from '../harness/online-test/quality.js';
import { sweepPopulation } from '../harness/online-test/sweep.js';
import { showPackage, verifyPackage } from '../harness/package/index.js';
import { OrdealError } from '../harness/util/errors.js';
import { type OrdealWorld, VerdictError } from './world.js';

function expectThat(world: OrdealWorld, holds: boolean, expected: string): void {
  if (!holds) throw new VerdictError(world.record, expected);
}

Then('the service quality is as before', function (this: OrdealWorld) {
  expectThat(this, this.record.verdicts.service === 'recovered', 'the service quality is as before');
});

Then('the service quality is as before within the expected recovery time', function (this: OrdealWorld) {
  const { verdicts, recovery } = this.record;
  expectThat(
    this,
    verdicts.service === 'recovered' && recovery === 'within',
    `the service quality is as before within ${this.record.expectedRecoveryMs} ms`,
  );
});

Then('the service quality is not as before', function (this: OrdealWorld) {
  const { service } = this.record.verdicts;
  expectThat(this, service === 'failed' || service === 'degraded', 'the service quality is not as before');
});

Then('the service is back within {duration}', async function (this: OrdealWorld, withinMs: number) {
  const { outcome, tookMs, probe } = await backWithin(this.run, withinMs);
  const told =
    tookMs === null
      ? `by probe "${probe}" it did not come back`
      : `by probe "${probe}" it took ${Math.round(tookMs.atLeast)} to ${Math.round(tookMs.atMost)} ms`;
  this.log(told);
  if (outcome === 'within') return;
  const kind = outcome === 'cannot-tell' ? 'inconclusive' : 'worse';
  throw new VerdictError(this.record, `the service is back within ${withinMs} ms (${told})`, kind);
});

async function keeps(world: OrdealWorld, kept: Kept): Promise<void> {
  const { outcome, indicators } = await compareWithBaseline(world.run, kept);
  const told = indicators.map((i) => `${i.probe} ${i.indicator}: ${i.outcome}, ${i.reason}${longer(i.needMoreMs)}`);
  for (const line of told) world.log(line);
  if (outcome === 'as-before' || outcome === 'better') return;
  const { relative, absolute } = kept.tolerance;
  const margin = relative === undefined ? `${absolute} in its unit` : `${relative * 100} %`;
  throw new VerdictError(
    world.record,
    `${kept.indicator} is within ${margin} of the baseline\n  ${told.join('\n  ')}`,
    outcome,
  );
}

const longer = (ms: number | undefined): string =>
  ms === undefined ? '' : `; measure about ${(ms / 1000).toFixed(1)} s longer, in the baseline and afterwards`;

Then(
  '{indicator} is within {margin} of the baseline',
  function (this: OrdealWorld, indicator: IndicatorName, tolerance: Tolerance) {
    return keeps(this, { indicator, tolerance });
  },
);

Then(
  '{indicator} of the probe {string} is within {margin} of the baseline',
  function (this: OrdealWorld, indicator: IndicatorName, probe: string, tolerance: Tolerance) {
    return keeps(this, { indicator, tolerance, probe });
  },
);

Then(
  'the figure {string} of the probe {string} is within {margin} of the baseline',
  function (this: OrdealWorld, indicator: string, probe: string, tolerance: Tolerance) {
    return keeps(this, { indicator, tolerance, probe });
  },
);

async function nothingIsLost(this: OrdealWorld): Promise<void> {
  const { probe, checked, badCount, bad } = await lostMembers(this.session);
  this.log(`${checked - badCount} of ${checked} answer the probe "${probe}"`);
  if (badCount === 0) return;
  const examples = bad.slice(0, 5).map((b) => `${b.key}: ${b.outcome}`);
  const told = `${badCount} of ${checked} do not answer the probe "${probe}": ${examples.join(', ')}`;
  throw new VerdictError(this.record, `nothing is lost\n  ${told}`, 'worse');
}

Then('no session is lost', nothingIsLost);
Then('no member of the population is lost', nothingIsLost);

Then('the fault took effect', function (this: OrdealWorld) {
  expectThat(this, this.record.verdicts.injection === 'confirmed', 'the injection is confirmed at the target');
});

Then('no restoration was needed', function (this: OrdealWorld) {
  expectThat(this, this.record.verdicts.restoration === 'not-needed', 'no restoration was needed');
});

Then('the service is restored from the snapshots', function (this: OrdealWorld) {
  expectThat(this, this.record.verdicts.restoration === 'restored', 'the service is restored from the snapshots');
});

Then('the evidence is exported', function (this: OrdealWorld) {
  expectThat(this, this.record.verdicts.evidence === 'exported', 'the evidence is exported');
});

Then('every member of the population answers the probe {string}', async function (this: OrdealWorld, probe: string) {
  const { checked, badCount, bad } = await sweepPopulation(this.session, probe);
  if (badCount > 0 || checked === 0) {
    const examples = bad.slice(0, 5).map((b) => `${b.key}: ${b.outcome}`);
    throw new Error(`${badCount} of ${checked} members do not answer as they should: ${examples.join(', ')}`);
  }
  this.log(`${checked} members answer`);
});

Then('a VNF Snapshot Package holds the memory of the VNFC {string}', async function (this: OrdealWorld, vnfc: string) {
  for (const { file } of this.record.packages) {
    await verifyPackage(file);
    const { vnfcs } = await showPackage(file);
    const memory = vnfcs.find((v) => v.id === vnfc)?.images.find((i) => i.role === 'memory');
    if (memory !== undefined && memory.sizeBytes > 0)
      return this.log(`${file}: ${memory.sizeBytes} bytes of memory of ${vnfc}`);
  }
  throw new OrdealError('package-invalid', `No package of this run holds the memory of "${vnfc}"`, {
    got: this.record.packages.map((p) => p.file).join(', ') || 'no package',
  });
});
