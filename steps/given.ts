import { Given } from '@cucumber/cucumber';
import type { IndicatorName } from '../harness/model/network-service.js';
import type { StopConditionRequest } from '../harness/model/stop-condition.js';
import type { Limit } from './parameter-types.js';
import type { OrdealWorld } from './world.js';

Given('the network service {string} is running', function (this: OrdealWorld, name: string) {
  return this.openService(name, { start: true });
});

Given('the network service {string} in operation', function (this: OrdealWorld, name: string) {
  return this.openService(name, { start: false });
});

Given('a steady baseline of {duration}', function (this: OrdealWorld, forMs: number) {
  this.baselineMs = forMs;
});

Given('an expected recovery time of {duration}', function (this: OrdealWorld, withinMs: number) {
  this.expectedRecoveryMs = withinMs;
});

Given(/^(warm|cold) snapshots of the VNFs? (.+)$/, function (this: OrdealWorld, type: 'warm' | 'cold', names: string) {
  this.snapshotType = type;
  this.around.push(...[...names.matchAll(/"([^"]+)"/g)].map((m) => String(m[1])));
});

Given(
  'the test stops when {indicator} of the probe {string} is above {limit}{hold}',
  function (this: OrdealWorld, indicator: IndicatorName, probe: string, limit: Limit, holdMs: number) {
    this.stopConditions.push({ kind: 'probe', probe, indicator, ...limit, holdMs } as StopConditionRequest);
  },
);

Given('the seed {int}', function (this: OrdealWorld, seed: number) {
  this.seed = seed;
});

Given('that the test may go beyond the blast radius', function (this: OrdealWorld) {
  this.allowBlastRadius = true;
});
