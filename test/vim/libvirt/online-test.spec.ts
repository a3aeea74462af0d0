import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';

test.describe.configure({ timeout: 420_000 });

const scenario = join(packageRoot, 'scenarios', 'session-store-vm');

test('the loop of `ordeal run` on real VMs: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:libvirt', '@SYS-libvirt', '@UC-4.1.1.4', '@UC-4.1.1.7'],
}, async ({ libvirtHost: host }) => {
  const folder = join(host.folder, 'session-store-vm');
  await mkdir(folder);
  const address = await host.reach(21);
  const service = (await readFile(join(scenario, 'service.yaml'), 'utf8'))
    .replace('http://10.77.0.21:8080', address)
    .replace('qemu:///system', host.uri)
    .replace('/var/lib/libvirt/images/ordeal', join(folder, 'images'));
  await writeFile(join(folder, 'service.yaml'), service);
  await copyFile(join(scenario, 'online-testing.feature'), join(folder, 'online-testing.feature'));
  const vms = [
    { name: 'store-1', address: 21 },
    { name: 'store-2', address: 22, memoryMiB: 96 },
  ];
  for (const vm of vms) await writeFile(join(folder, `${vm.name}.xml`), await host.guestXml(vm));

  const { code, said } = await ordeal(
    [
      'run',
      join(folder, 'online-testing.feature'),
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
  expect(domains.map((d) => d.name).filter((name) => name.startsWith('store-'))).toEqual([]);
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
