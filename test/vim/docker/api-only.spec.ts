import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { topmost } from '../../../harness/vim/docker-api/api-only/fetched-files.js';
import { endpointOfDocker } from '../../../harness/vim/docker-api/contexts.js';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { PrivateSshd } from '../../hosts/containers/private-sshd.js';
import { containerSample } from '../oci/container-sample.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:docker';

test('a dockerd behind ssh, of which nothing but its API can be reached, has its containers brought back with memory and files', {
  tag,
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host);
  await using sshd = await PrivateSshd.start(host);
  const { host: _, runtimeRoot: __, pidFile: ___, folder: ____, ...options } = s.context.options;
  const address = `ssh://root@${sshd.address}${host.daemon.socket}`;
  const far = { ...options, host: address, ssh: await sshd.client(), pidFile: join(host.folder, 'none') };
  await using vim = await openVim('docker', { ...s.context, options: far });

  const table = await vim.capabilities();
  expect(table.get('OP-create.instance')).toMatchObject({ how: expect.stringContaining(address) });
  expect(table.get('OP-create.memory')).toMatchObject({
    supported: true,
    how: expect.stringContaining('40 s per GiB'),
  });
  expect(table.get('replacement')).toMatchObject({ supported: false });

  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  await s.writeDisk('then');
  const captured = await vim.snapshots.capture(compute, { name: 'from afar', type: 'warm' });
  const { id } = await captured.store();
  expect(captured.pausedMs).toBeGreaterThan(0);
  expect(await s.bump(), 'it goes on').toBe(then + 1);
  await s.writeDisk('later');
  await vim.snapshots.revert(compute, id);
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
  expect(await s.readDisk(4)).toBe('then');

  const fault = {
    id: 'from-afar',
    runId: 'run-1',
    kind: 'stall',
    vim: 'docker',
    target: { vnfc: 'subject' },
    params: {},
    seed: 1,
    expiresAfterMs: 60_000,
  };
  await vim.faults?.inject(fault);
  expect(await vim.faults?.verify(fault)).toMatchObject({ effective: true });
  await vim.faults?.heal(fault);
  expect(await s.counter()).toBe(then);

  await vim.snapshots.delete([id]);
  expect(await host.docker('checkpoint', 'ls', s.subject)).not.toContain('snap');
});

test('a way over ssh that cannot be had is said, with what ssh said', { tag }, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { names: ['subject'] });
  const open = (address: string) =>
    openVim('docker', { ...s.context, options: { ...s.context.options, host: address, ssh: 'ssh' } });
  await expect(open('ssh://127.0.0.1:1')).rejects.toMatchObject({
    kind: 'vim-unreachable',
    message: expect.stringContaining('Connection refused'),
  });
  await expect(open('ssh://')).rejects.toMatchObject({ kind: 'file-invalid' });
});

test('dockerd is looked for where its own client looks: a context, DOCKER_HOST, DOCKER_CONTEXT, the context in use', async () => {
  const folder = test.info().outputPath('docker');
  const id = createHash('sha256').update('far').digest('hex');
  await mkdir(join(folder, 'contexts', 'meta', id), { recursive: true });
  await mkdir(join(folder, 'contexts', 'tls', id, 'docker'), { recursive: true });
  const meta = {
    Name: 'far',
    Metadata: {},
    Endpoints: { docker: { Host: 'tcp://192.0.2.7:2376', SkipTLSVerify: false } },
  };
  await writeFile(join(folder, 'contexts', 'meta', id, 'meta.json'), JSON.stringify(meta));
  const far = { host: 'tcp://192.0.2.7:2376', certificates: join(folder, 'contexts', 'tls', id, 'docker') };
  const here = { DOCKER_CONFIG: folder };

  expect(await endpointOfDocker(undefined, here), 'nothing is said').toBeUndefined();
  expect(await endpointOfDocker('far', { ...here, DOCKER_HOST: 'unix:///x' })).toEqual(far);
  expect(await endpointOfDocker(undefined, { ...here, DOCKER_HOST: 'unix:///x', DOCKER_CONTEXT: 'far' })).toEqual({
    host: 'unix:///x',
    certificates: undefined,
  });
  expect(await endpointOfDocker(undefined, { ...here, DOCKER_CONTEXT: 'far' })).toEqual(far);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: {}, currentContext: 'far' }));
  expect(await endpointOfDocker(undefined, here)).toEqual(far);
  expect(await endpointOfDocker(undefined, { ...here, DOCKER_CONTEXT: 'default' })).toBeUndefined();
  await expect(endpointOfDocker('none', here)).rejects.toMatchObject({
    kind: 'file-missing',
    message: expect.stringContaining('There is no Docker context "none"'),
  });
});

test('of what was changed in a layer each file is taken once: not with its folder, and not from a volume', () => {
  const changed = (...paths: string[]) => paths.map((path) => ({ path, isDeleted: false }));
  const all = [
    ...changed('/etc', '/etc/hosts', '/new', '/new/a', '/data', '/var', '/var/lib'),
    { path: '/gone', isDeleted: true },
  ];
  expect(topmost(all, ['/data', '/var/lib/db'])).toEqual(['/etc/hosts', '/new/a']);
});
