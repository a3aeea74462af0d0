import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { VimContext } from '../../../harness/model/vim.js';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import type { DockerHost } from '../../hosts/containers/docker-host.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { type ContainerSample, containerSample } from '../oci/container-sample.js';
import { DyingProcess } from '../oci/dying-process.js';
import { ballast } from '../oci/mishaps.js';
import { ordeal, startOrdeal } from '../ordeal-command.js';

/** The containers of a sample, and dockerd as it is from another machine. */
async function farFrom(host: DockerHost, s: ContainerSample): Promise<VimContext> {
  const { certificates, tlsAddress } = host.daemon;
  const address = (await host.ports.reach(tlsAddress)).replace('http:', 'tcp:');
  const folder = join(host.folder, 'far');
  const far = { ...s.context.options, host: address, certificates, folder, pidFile: join(host.folder, 'none') };
  return { ...s.context, options: far };
}

test.describe.configure({ timeout: 120_000 });

test('a process that is killed while it captures by the API alone leaves a container paused, and who comes after it lets it go on', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const context = await farFrom(host, s);
  await using vim = await openVim('docker', context);
  const compute = await vim.locate(s.subject);
  const powerState = async () => (await vim.inspect(compute)).powerState;
  const then = await s.bump();
  const child = DyingProcess.start('docker', context, 'capture');
  const isPaused = async () => (await powerState()) === 'suspended';
  await until('the container is paused', isPaused, { withinMs: 30_000, everyMs: 2 });
  await child.kill();
  // A checkpoint that dockerd had begun for it comes to its end, and lets the container go on.
  expect(await vim.snapshots.list()).toEqual([]);
  expect((await vim.snapshots.sweep?.())?.length).toBe(1);
  await expect.poll(powerState, { timeout: 30_000 }).toBe('on');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
  expect(await vim.snapshots.sweep?.(), 'once').toEqual([]);
  await expect
    .poll(() => host.docker('checkpoint', 'ls', s.subject), { timeout: 30_000, message: 'no checkpoint is left' })
    .not.toContain('snap');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'whole', type: 'cold' })).store();
  expect((await vim.snapshots.list()).map((r) => r.id)).toEqual([id]);
  expect(await s.bump()).toBe(then + 1);
});

test('a snapshot by the API alone whose process is killed is shown as open, and `ordeal recover` lets the container go on', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const { options, service } = await farFrom(host, s);
  const folder = join(host.folder, 'by-hand');
  await mkdir(folder);
  await writeFile(join(folder, 'service.yaml'), stringify({ ...service.descriptor, vims: { docker: options } }));
  const then = await s.bump();
  const powerState = async () => (await s.vim.inspect(await s.vim.locate(s.subject))).powerState;
  const started = startOrdeal(['snapshot', 'create', 'service.yaml', '--type', 'cold'], folder);
  await until('the container is paused', async () => (await powerState()) === 'suspended', {
    withinMs: 60_000,
    everyMs: 2,
  });
  started.child.kill('SIGKILL');
  await started.ended;
  expect(await powerState(), 'nobody else lets it go on').toBe('suspended');
  expect((await ordeal(['status'], folder)).said).toMatch(
    /op-\S+, a snapshot creation on \S+ since .* run `ordeal recover`/,
  );
  expect((await ordeal(['recover', '--dry-run'], folder)).said).toMatch(/end the snapshot creation +planned/);
  expect(await powerState()).toBe('suspended');
  const recovered = await ordeal(['recover'], folder);
  expect(recovered.code, recovered.said).toBe(0);
  expect(await powerState(), recovered.said).toBe('on');
  expect(await s.bump()).toBe(then + 1);
  expect((await ordeal(['status'], folder)).said).toContain('Nothing is open.');
});
