import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';

const scenario = join(packageRoot, 'scenarios', 'session-gateway-vm');
const vnfcs = { lb: 21, 'store-1': 22, 'store-2': 23 };

/** The session gateway as VMs: its descriptor and domain files for this host. @returns the folder that they are in */
export async function writeGatewaySample(host: LibvirtHost): Promise<string> {
  const folder = join(host.folder, 'session-gateway-vm');
  await mkdir(folder);
  await cp(join(scenario, 'vnfd'), join(folder, 'vnfd'), { recursive: true });
  const address = await host.reach(vnfcs.lb);
  const service = (await readFile(join(scenario, 'service.yaml'), 'utf8'))
    .replace('http://10.77.0.21:8080', address)
    .replace('qemu:///system', host.uri)
    .replace('/var/lib/libvirt/images/ordeal', join(folder, 'images'));
  await writeFile(join(folder, 'service.yaml'), service);
  const net = Object.entries(vnfcs).map(([name, last]) => `${name}:10.77.0.${last}`);
  for (const [name, last] of Object.entries(vnfcs)) {
    const words = [`ordeal.vnfc=${name}`, `ordeal.net=${net.join(',')}`];
    await writeFile(join(folder, `${name}.xml`), await host.guestXml({ name, address: last, memoryMiB: 96, words }));
  }
  return folder;
}
