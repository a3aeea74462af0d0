import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { CertificationAuthority } from '../../hosts/kubernetes/certificates.js';
import { containerSample } from '../oci/container-sample.js';

test('dockerd is driven over TLS; who has no right to it, or another one for it, is told so before anything is touched', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host);
  const { certificates, tlsAddress } = host.daemon;
  const address = (await host.ports.reach(tlsAddress)).replace('http:', 'tcp:');
  const overTls = (more: Readonly<Record<string, unknown>> = {}) =>
    openVim('docker', { ...s.context, options: { ...s.context.options, host: address, certificates, ...more } });
  await using vim = await overTls();
  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  const { id } = await (await vim.snapshots.capture(compute, { name: 'over TLS', type: 'warm' })).store();
  await s.bump();
  await vim.snapshots.revert(compute, id);
  expect(await s.counter()).toBe(then);

  const folder = join(host.folder, 'strange');
  await mkdir(folder);
  await expect(overTls({ certificates: folder })).rejects.toMatchObject({ kind: 'file-missing' });
  const { file } = await CertificationAuthority.make(folder);
  for (const name of ['cert.pem', 'key.pem']) await copyFile(join(certificates, name), join(folder, name));
  await copyFile(file, join(folder, 'ca.pem'));
  await expect(overTls({ certificates: folder }), 'a strange daemon').rejects.toMatchObject({
    kind: 'vim-unreachable',
  });
  await expect(overTls({ certificates: undefined }), 'without TLS').rejects.toMatchObject({ name: 'OrdealError' });
  await using far = await overTls({ pidFile: join(folder, 'none') });
  expect((await far.capabilities()).get('OP-create.instance'), 'one that may be on another machine').toMatchObject({
    how: expect.stringContaining('not known to be on this machine'),
  });
});
