import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { stringify } from 'yaml';
import { until } from '../../../harness/util/deadline.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { ordeal } from '../ordeal-command.js';
import { containerSample } from './container-sample.js';

const feature = `Feature: One container
  Scenario: It stalls for good, and is restored from its snapshot
    Given the network service "one-container" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNF "containers"
    And an expected recovery time of 3 seconds
    And that the test may go beyond the blast radius
    When the VNFC "subject" stalls
    Then the service is restored from the snapshots
`;

/** CRIU breaks once a run has its snapshot; what the run then cannot do it says, and `ordeal recover` does when CRIU is mended. */
export async function recoverOnceMended(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host);
  const folder = join(host.folder, 'broken-run');
  await mkdir(folder);
  const { descriptor } = s.service;
  const points = [{ id: 'lan', link: 'lan', external: { protocol: 'http' } }];
  const vnfs = descriptor.vnfs.map((vnf) => ({
    ...vnf,
    vnfcs: vnf.vnfcs.map((v) => (v.id === s.subject ? { ...v, connectionPoints: points } : v)),
  }));
  const vims = { [host.kind]: s.context.options };
  await writeFile(join(folder, 'service.yaml'), stringify({ ...descriptor, vims, vnfs }));
  await writeFile(join(folder, 'one.feature'), feature);
  const then = await s.bump();
  const state = ['--state', join(folder, 'state')];
  const service = ['--service', 'one-container=service.yaml'];
  {
    const run = ordeal(
      ['run', 'one.feature', ...service, '--no-allure', '--out', join(folder, 'out'), ...state],
      folder,
    );
    await until('the snapshots are made', async () => (await s.vim.snapshots.list()).length >= 2, {
      withinMs: 60_000,
      everyMs: 50,
    });
    await using _ = await host.machine.breakEngineCriu('this CRIU is broken');
    const { code, said } = await run;
    expect(code, said).toBe(32);
    expect(said, 'the reason').toContain('its dump');
    expect(said, 'what to do').toContain('ordeal recover');
  }
  const recovered = await ordeal(['recover', ...state], folder);
  expect(recovered.code, recovered.said).toBe(0);
  expect((await ordeal(['status', ...state], folder)).said).not.toContain('run-');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 20_000 }).toBe(then);
  expect(await s.vim.replacement?.ownedBy(), 'nothing carries the mark of a run').toEqual([]);
  expect(await s.vim.faults?.active()).toEqual([]);
}
