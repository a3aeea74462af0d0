import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { objectsOf } from './cluster-objects.js';
import { ordeal } from './long-call.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 240_000 });

// Evictions, closed nodes and a store that is scaled away are shown on a real node: real-node-loop.spec.ts.
const feature = `Feature: What the platform does
  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 2 seconds

  Scenario: The node is drained, and the service is back once it takes pods again
    Given an expected recovery time of 10 seconds
    When the VNFC "gateway-1" is on a node that is drained for 1 seconds
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"

  Scenario: A gateway is scaled away, and nobody notices
    When the VNFC "gateway-1" is scaled away for 2 seconds
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"
`;

test('a node is drained and a VNFC scaled away through the loop of `ordeal run`: the service is as before, and nothing is left', {
  tag: '@vim:kubernetes',
}, async ({ controlPlane, cluster, namespace }) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  await writeFile(join(folder, 'platform.feature'), feature);
  const before = await objectsOf(cluster, namespace);
  const out = ['--state', join(folder, 'state'), '--out', join(folder, 'out')];
  const { code, said } = await ordeal(['run', join(folder, 'platform.feature'), '--no-allure', ...out], folder);
  expect(code, `${said}\n${await played.runtime.said()}`).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');
  expect(await objectsOf(cluster, namespace), 'nothing is left of the service or of the runs').toEqual(before);
  const node = await cluster.call<{ spec: { unschedulable?: boolean } }>(`/api/v1/nodes/node-${namespace}`);
  expect(node.spec.unschedulable ?? false).toBe(false);
});
