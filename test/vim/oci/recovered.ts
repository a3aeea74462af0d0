import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { stringify } from 'yaml';
import { until } from '../../../harness/util/deadline.js';
import type { ContainerHost, DaemonHost } from '../../hosts/containers/container-host.js';
import { type Ended, ordeal, type Started, startOrdeal } from '../ordeal-command.js';
import { type ContainerSample, containerSample } from './container-sample.js';
import { ballast } from './mishaps.js';

const feature = (fault: string, recoverySeconds: number) => `Feature: One container
  Scenario: It fails for good, and is restored from its snapshot
    Given the network service "one-container" is running
    And a steady baseline of 3 seconds
    And warm snapshots of the VNF "containers"
    And an expected recovery time of ${recoverySeconds} seconds
    And that the test may go beyond the blast radius
    When the VNFC "subject" ${fault}
    Then the service is restored from the snapshots
`;

/** `ordeal run` on the containers of a sample, in a process of its own, as its users have it. */
class OneRun {
  #said = '';

  private constructor(
    readonly s: ContainerSample,
    readonly folder: string,
    readonly started: Started,
  ) {
    for (const stream of [started.child.stdout, started.child.stderr]) {
      stream?.on('data', (text: string) => {
        this.#said += text;
      });
    }
  }

  get ended(): Promise<Ended> {
    return this.started.ended;
  }

  /** Answers once it has said so. */
  async says(words: RegExp): Promise<void> {
    const hasSaid = async () => {
      if (this.started.child.exitCode !== null) throw new Error(`the run has ended: ${this.#said}`);
      return words.test(this.#said);
    };
    await until(`the run says ${words}`, hasSaid, { withinMs: 60_000, everyMs: 10 });
  }

  /** @param fault what becomes of the subject, in the words of a step */
  static async start(host: ContainerHost, s: ContainerSample, fault: string, recoverySeconds = 2): Promise<OneRun> {
    const folder = await mkdtemp(join(host.folder, 'one-run-'));
    const { descriptor } = s.service;
    const points = [{ id: 'lan', link: 'lan', external: { protocol: 'http' } }];
    const vnfs = descriptor.vnfs.map((vnf) => ({
      ...vnf,
      vnfcs: vnf.vnfcs.map((v) => (v.id === s.subject ? { ...v, connectionPoints: points } : v)),
    }));
    const vims = { [host.kind]: s.context.options };
    await writeFile(join(folder, 'service.yaml'), stringify({ ...descriptor, vims, vnfs }));
    await writeFile(join(folder, 'one.feature'), feature(fault, recoverySeconds));
    const out = ['--out', join(folder, 'out'), '--state', join(folder, 'state')];
    const service = ['--service', 'one-container=service.yaml'];
    return new OneRun(s, folder, startOrdeal(['run', 'one.feature', ...service, '--no-allure', ...out], folder));
  }

  async recover(): Promise<void> {
    const state = ['--state', join(this.folder, 'state')];
    const recovered = await ordeal(['recover', ...state], this.folder);
    expect(recovered.code, recovered.said).toBe(0);
    // The guard of the run may be at it already: then it is the one that finishes.
    const left = async () => (await ordeal(['status', ...state], this.folder)).said;
    await expect.poll(left, { timeout: 60_000, message: recovered.said }).not.toContain('run-');
  }

  /** The service is as it was, and nothing of the run is left on it. */
  async isGivenBack(then: number): Promise<void> {
    await expect.poll(() => this.s.counter().catch(() => -1), { timeout: 20_000 }).toBe(then);
    const { vim, subject } = this.s;
    expect(await vim.inspect(await vim.locate(subject))).toMatchObject({ powerState: 'on', quarantined: false });
    expect(await vim.replacement?.ownedBy(), 'nothing carries the mark of a run').toEqual([]);
    expect(await vim.faults?.active()).toEqual([]);
  }
}

/** CRIU breaks once a run has its snapshot; what the run then cannot do it says, and `ordeal recover` does when CRIU is mended. */
export async function recoverOnceMended(host: ContainerHost): Promise<void> {
  await using s = await containerSample(host);
  const then = await s.bump();
  const run = await OneRun.start(host, s, 'stalls');
  const areMade = async () => (await s.vim.snapshots.list()).length >= 2;
  await until('the snapshots are made', areMade, { withinMs: 60_000, everyMs: 50 });
  {
    await using _ = await host.machine.breakEngineCriu('this CRIU is broken');
    const { code, said } = await run.ended;
    expect(code, said).toBe(32);
    expect(said, 'the reason').toContain('its dump');
    expect(said, 'what to do').toContain('ordeal recover');
  }
  await run.recover();
  await run.isGivenBack(then);
}

/** The daemon dies once the fault is on, and is there again only after the run. */
export async function killDaemonUnderFault(host: DaemonHost): Promise<void> {
  await using s = await containerSample(host);
  const then = await s.bump();
  const run = await OneRun.start(host, s, 'stalls');
  await run.says(/Service reacts\s+running/);
  await host.killDaemon();
  const { code, said } = await run.ended;
  await host.startDaemon();
  expect(code, said).toBe(32);
  expect(said, 'the reason').toContain('Start dockerd there');
  expect(said, 'what to do').toContain('ordeal recover');
  await run.recover();
  await run.isGivenBack(then);
}

/** The daemon dies while a container stands still for its snapshot, and is there again only after the run. */
export async function killDaemonUnderSnapshot(host: DaemonHost): Promise<void> {
  await using s = await containerSample(host, { environment: ballast });
  const then = await s.bump();
  const compute = await s.vim.locate(s.subject);
  const run = await OneRun.start(host, s, 'stalls');
  await run.says(/VNF Snapshots\s+running/);
  const standsStill = async () => (await s.vim.inspect(compute)).powerState === 'suspended';
  await until('the container stands still', standsStill, { withinMs: 60_000, everyMs: 2 });
  await host.killDaemon();
  const { code, said } = await run.ended;
  const without = await s.counter().catch(String);
  await host.startDaemon();
  expect(without, `it goes on without its daemon: ${said}`).toBe(then);
  expect(code, said).toBe(16);
  expect(said, 'the reason').toContain('Start dockerd there');
  await run.recover();
  await run.isGivenBack(then);
}

/**
 * The failed one is deleted before it is in quarantine, and its image before a new one is made from it: the service is
 * restored, and nobody is made to believe that there is evidence.
 * @param remove is given the id of the failed one
 */
export async function deleteUnderFault(
  host: ContainerHost,
  remove: (failed: string) => Promise<unknown>,
): Promise<void> {
  await using s = await containerSample(host, { names: ['subject'] });
  const then = await s.bump();
  const compute = await s.vim.locate(s.subject);
  // Time enough for slow commands.
  const run = await OneRun.start(host, s, 'crashes', 5);
  await run.says(/Service reacts\s+running/);
  await remove(compute);
  const { code, said } = await run.ended;
  expect(code, said).toBe(31);
  expect(said).toContain('Nothing is left of the failed subject to capture');
  await run.isGivenBack(then);
}
