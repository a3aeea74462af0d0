import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Injection } from '../../harness/model/fault.js';
import { until } from '../../harness/util/deadline.js';
import { type EmbeddedWorld, embeddedWorld } from '../snapshot/embedded-world.js';
import { bin, type Outcome, ordeal } from './ordeal.js';

/** Writes the descriptor of the world with these changes. @returns the command line over it, as a user has it */
async function commandLine(world: EmbeddedWorld, changes: Record<string, unknown> = {}) {
  const probes = [{ id: 'p', kind: 'http', connectionPoint: 'web-1.http', url: '{base}/hash', method: 'POST' }];
  const descriptor = { ...world.service.descriptor, probes, ...changes };
  await writeFile(join(world.folder, 'service.yaml'), JSON.stringify(descriptor));
  const state = join(world.folder, 'vim');
  return (subcommand: string, ...args: string[]): Promise<Outcome> =>
    ordeal(world.folder, '--state', state, 'snapshot', subcommand, 'service.yaml', ...args);
}

test('a lifecycle procedure that fails leaves the VNF as it was before, and one that does not is kept', {
  tag: ['@UC-4.3.1.1', '@UC-4.3.1.2'],
}, async () => {
  await using world = await embeddedWorld();
  const snapshot = await commandLine(world);
  await world.work('web-1', 5);
  const before = await world.content('web-1');
  const upgrade = (end: number) => {
    const script = `await fetch('${world.address('web-1')}/absorb', { method: 'POST', body: '9' }); process.exit(${end});`;
    return ['upgrade', '--vnf', 'web', '--', process.execPath, '--input-type=module', '-e', script];
  };
  const failed = await snapshot('around', ...upgrade(3));
  expect(failed.stdout).toMatch(/^upgrade of web: failed, and the VNF fell back; VNF Snapshot vnf-snapshot-/);
  expect(failed.stderr).toMatch(/"upgrade" failed: expected exit code 0, got 3/);
  expect(failed.code).toBe(17);
  expect(await world.content('web-1')).toEqual(before);
  const unwell = await snapshot('around', ...['--well', 'exit 1'], ...upgrade(0));
  expect(unwell.stderr).toMatch(/not well after upgrade/);
  expect(await world.content('web-1')).toEqual(before);
  const done = await snapshot('around', ...upgrade(0));
  expect(done.stdout, done.stderr).toMatch(/^upgrade of web: done; VNF Snapshot vnf-snapshot-/);
  expect(done.code).toBe(0);
  expect(await world.content('web-1')).not.toEqual(before);
});

test('the descriptor names the NFVO that grants and how the VNF hears of its snapshots', {
  tag: ['@Nfvo.001', '@VeVnfmvnf-Vsn.001'],
}, async () => {
  await using world = await embeddedWorld();
  let answer = 403;
  const asked: unknown[] = [];
  const nfvo = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(answer, { 'content-type': 'application/json' }).end('{"detail":"not during the match"}');
  });
  await new Promise<void>((resolve) => nfvo.listen(0, '127.0.0.1', resolve));
  try {
    const told = join(world.folder, 'told');
    await writeFile(join(world.folder, 'tell'), `#!/bin/sh\necho "$@" >> "${told}"\n`);
    await chmod(join(world.folder, 'tell'), 0o755);
    const url = `http://127.0.0.1:${(nfvo.address() as AddressInfo).port}/grant/v1/grants`;
    process.env.ORDEAL_TEST_TOKEN = 'Bearer token';
    const [web, db] = world.service.descriptor.vnfs;
    const snapshot = await commandLine(world, {
      nfvo: { resourceManagement: 'indirect', grants: { url, authorizationEnv: 'ORDEAL_TEST_TOKEN' } },
      vnfs: [{ ...web, snapshotNotification: [{ command: ['./tell', 'of'] }] }, db],
    });
    const refused = await snapshot('create', '--vnf', 'web');
    expect(refused.stderr).toMatch(/not during the match/);
    expect(refused.code).toBe(18);
    answer = 201;
    const made = await snapshot('create', '--vnf', 'web');
    expect(made.code, made.stderr).toBe(0);
    expect(asked).toEqual(['Bearer token', 'Bearer token']);
    expect(await readFile(told, 'utf8')).toBe('of creation-start web\nof creation-end web\n');
  } finally {
    delete process.env.ORDEAL_TEST_TOKEN;
    nfvo.closeAllConnections();
    await new Promise((resolve) => nfvo.close(resolve));
  }
});

const crash: Injection = {
  id: 'fault-1',
  runId: 'run-1',
  kind: 'crash',
  vim: 'embedded',
  target: { vnfc: 'web-1' },
  params: {},
  seed: 42,
  expiresAfterMs: 60_000,
};

test('a VNF is captured for root cause analysis once what the policy names has come together', {
  tag: ['@UC-4.2.1.1', '@UC-4.2.1.3'],
}, async () => {
  await using world = await embeddedWorld();
  await commandLine(world, { rootCause: { all: ['nfvi-fault', 'performance-degraded'] } });
  const args = ['--state', 'vim', '--json', 'snapshot', 'watch', 'service.yaml', '--baseline', '2', '--window', '2'];
  const watching = spawn(process.execPath, [bin, ...args, '--once'], { cwd: world.folder });
  let [stdout, stderr] = ['', ''];
  watching.stdout.on('data', (text) => {
    stdout += String(text);
  });
  watching.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = once(watching, 'close');
  try {
    await until('the end of the baseline', async () => stderr.includes('watching'), { withinMs: 30_000, everyMs: 20 });
    await world.vim.faults?.inject(crash);
    expect((await ended)[0], stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ vnf: 'web', snapshotId: expect.stringMatching(/^vnf-snapshot-/) });
  } finally {
    watching.kill('SIGKILL');
  }
});
