import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NetworkPlayer } from '../../hosts/kubernetes/network-player.js';
import { expect, test } from '../../hosts/kubernetes/real-node-fixture.js';
import { ServicePlayer } from '../../hosts/kubernetes/service-player.js';
import { StoragePlayer } from '../../hosts/kubernetes/storage-player.js';
import { expectOnlineTesting, onlineTestingRows, Providers } from '../online-testing.js';
import { objectsOf } from './cluster-objects.js';
import { ordeal } from './long-call.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 420_000 });

// Faults of Kubernetes itself, so that it needs nothing else in the cluster.
const feature = `Feature: Online testing of real pods
  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 4 seconds
    And cold snapshots of the VNFs "gateway" and "session-store"

  Scenario: A gateway cannot be scheduled for a while, and the service recovers by itself
    When the VNFC "gateway-1" is on a node that takes nothing new for 3 seconds
    And the VNFC "gateway-1" is evicted
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"

  Scenario: The session store is scaled away for a while, and the service has to be restored
    When the VNFC "store-1" is scaled away for 3 seconds
    Then the fault took effect
    And the service quality is not as before
    And the service is restored from the snapshots
    And every member of the population answers the probe "sessions"
    And the evidence is exported
    And a VNF Snapshot Package holds the memory of the VNFC "store-1"
    And a VNF Snapshot Package holds the memory of the VNFC "gateway-1"
`;

/** CRIU reads the limits of a process of another user with CAP_SYS_RESOURCE alone, which root has not on every machine. */
const asRoot = (manifests: string): string => manifests.replaceAll('runAsNonRoot: true, runAsUser: 65532, ', '');

test('the loop of `ordeal run` on containers of a real kubelet: one fault is survived, one is restored from, the evidence holds what CRIU has dumped, and nothing is left', {
  tag: ['@vim:kubernetes', '@SYS-kubernetes', ...onlineTestingRows],
}, async ({ node, controlPlane, cluster, namespace }) => {
  await using services = new ServicePlayer(controlPlane, cluster, namespace);
  await using _network = new NetworkPlayer(cluster, services);
  await using _storage = await StoragePlayer.start(cluster, namespace, join(controlPlane.folder, namespace, 'volumes'));
  const folder = await sessionService(controlPlane, cluster, namespace, { services }, () => true, asRoot);
  await writeFile(join(folder, 'real.feature'), feature);
  await using providers = await Providers.of(folder);
  const before = await objectsOf(cluster, namespace);

  const out = join(folder, 'out');
  const args = ['run', join(folder, 'real.feature'), '--no-allure', '--state', join(folder, 'state'), '--out', out];
  const { code, said } = await ordeal(args, folder);
  expect(code, said).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');

  await expectOnlineTesting(folder, providers);
  expect(await objectsOf(cluster, namespace), 'nothing is left of the service or of the runs').toEqual(before);
  for (const vnfc of ['store-1', 'gateway-1', 'gateway-2']) {
    expect(await node.checkpoints(), 'the kubelet made them').toContainEqual(
      expect.stringMatching(`^checkpoint-${vnfc}-.*_${namespace}-vnfc-.*[.]tar$`),
    );
  }
});
