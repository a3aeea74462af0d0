import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { writeGatewaySample } from './gateway-sample.js';

test.describe.configure({ timeout: 420_000 });

test('the features of the embedded VIM run unchanged on real VMs: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:libvirt', '@SYS-libvirt', '@UC-4.1.1.4', '@UC-4.1.1.7'],
}, async ({ libvirtHost: host }) => {
  const folder = await writeGatewaySample(host);
  const { code, said } = await ordeal(
    [
      'run',
      join(packageRoot, 'features', 'online-testing.feature'),
      '--service',
      `session-gateway=${join(folder, 'service.yaml')}`,
      '--no-allure',
      '--state',
      join(folder, 'state'),
      '--out',
      join(folder, 'out'),
    ],
    folder,
  );
  expect(code, said).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');

  const client = new LibvirtClient(host.uri);
  const { domains } = await client.call(procedures.connectListAllDomains, { needResults: 1, flags: 0 });
  await client.close();
  expect(domains.map((d) => d.name).filter((name) => /^(lb|store)/.test(name))).toEqual([]);
});

function ordeal(args: readonly string[], cwd: string): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'ordeal.js'), ...args], { cwd });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}
