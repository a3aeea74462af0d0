import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../../harness/util/package-root.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { gdb, missingGdb } from '../../hosts/libvirt/gdb.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { expectOnlineTesting, expectVnfcSnapshot, onlineTestingRows, Providers } from '../online-testing.js';
import { ordeal } from '../ordeal-command.js';
import { writeGatewaySample } from './gateway-sample.js';

test.describe.configure({ timeout: 420_000 });

test('the features of the embedded VIM run unchanged on real VMs: one fault is survived, one is restored from, its evidence is replayed, and nothing is left behind', {
  tag: ['@vim:libvirt', '@SYS-libvirt', '@Vim.003', '@Nfvi.003', '@CO-vnfc-snapshot', ...onlineTestingRows],
}, async ({ libvirtHost: host }) => {
  const folder = await writeGatewaySample(host);
  await using providers = await Providers.of(folder);
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
  const [, restored] = await expectOnlineTesting(folder, providers);
  await expectVnfcSnapshot(restored, 'libvirt');
  await replayed(host, folder);

  const client = new LibvirtClient(host.uri);
  const { domains } = await client.call(procedures.connectListAllDomains, { needResults: 1, flags: 0 });
  await client.close();
  expect(domains.map((d) => d.name).filter((name) => /^(lb|store)/.test(name))).toEqual([]);
});

/** As the vendor does it, who has nothing but the package and a libvirt. */
async function replayed(host: LibvirtHost, folder: string): Promise<void> {
  const gap = await missingGdb();
  if (gap !== undefined) {
    console.log(`The replay of a forensic snapshot in gdb is skipped: ${gap}`);
    return;
  }
  const files = await readdir(join(folder, 'out'), { recursive: true });
  const file = files.find((f) => f.endsWith('session-store.vnf-snapshot.zip')) ?? '';
  const options = ['--option', `uri=${host.uri}`, `folder=${join(folder, 'vendor')}`];
  const command = [
    'package',
    'replay',
    join(folder, 'out', file),
    '--vnfc',
    'store-1',
    '--leave',
    '--json',
    ...options,
  ];
  const { code, printed, said } = await ordeal(command, folder);
  expect(code, said).toBe(0);
  const copy = replayedCopy.parse(JSON.parse(printed));

  // Without "disconnect" gdb says farewell with a detach, at which the stub lets the machine go on.
  const look = ['info registers rip', 'x/8xg $rip', 'x/2xg $rsp'];
  const values = (text: string) => text.match(/0x[0-9a-f]{9,16}\b/g) ?? [];
  const live = values(await gdb(`target remote ${copy.gdbStub}`, ...look, 'disconnect'));
  const dumped = values(await gdb(`core-file ${copy.memoryDump}`, ...look));
  expect(live.length, 'registers, code and stack').toBeGreaterThan(10);
  expect(dumped.slice(-live.length), 'the dump holds what the live copy shows').toEqual(live);
  const again = await gdb(`target remote ${copy.gdbStub}`, 'info registers rip', 'disconnect');
  const [, rip] = /rip +(0x[0-9a-f]+)/.exec(again) ?? [];
  expect(live, 'it stands where it stood').toContain(rip);

  const ended = await ordeal(['package', 'end-replay', 'libvirt', copy.name, ...options], folder);
  expect(ended.code, ended.said).toBe(0);
  expect(await readdir(join(folder, 'vendor', 'overlays')), 'its disks are gone').toEqual([]);
}

const replayedCopy = z.object({ name: z.string(), gdbStub: z.string(), memoryDump: z.string() });
