import { Then } from '@cucumber/cucumber';
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

Then('the service is back within {duration}', function (this: OrdealWorld, withinMs: number) {
  const took = this.record.timeToRecoverMs;
  expectThat(this, took !== null && took <= withinMs, `the service is back within ${withinMs} ms (it took ${took} ms)`);
});

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
