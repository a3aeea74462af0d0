import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { type Ended, ordeal, type Started, startOrdeal } from '../ordeal-command.js';
import type { vmSample } from './vm-sample.js';

const feature = `Feature: One VM
  Scenario: It stalls for good, and is restored from its snapshot
    Given the network service "one-vm" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNF "vms"
    And an expected recovery time of 3 seconds
    And that the test may go beyond the blast radius
    When the VNFC "subject" stalls
    Then the service is restored from the snapshots
`;

/** A descriptor and a feature for the sample's VM "subject" alone, and the commands of a user who has them. */
export class OneVmService {
  private constructor(readonly folder: string) {}

  /** @param uri by which libvirt is reached */
  static async write(
    host: LibvirtHost,
    s: Awaited<ReturnType<typeof vmSample>>,
    name: string,
    uri: string,
  ): Promise<OneVmService> {
    const folder = join(host.folder, name);
    await mkdir(folder);
    const { descriptor } = s.service;
    const points = [{ id: 'lan', link: 'lan', external: { protocol: 'http' } }];
    const vnfs = descriptor.vnfs.map((vnf) => ({
      ...vnf,
      vnfcs: vnf.vnfcs.filter((v) => v.id === s.subject).map((v) => ({ ...v, connectionPoints: points })),
    }));
    // Software emulation shares its cores with everything else: latencies swing, answers do not.
    const indicators = {
      errorRatio: { absolute: 0.1 },
      availability: { absolute: 0.1 },
      requestRate: { relative: 0.5 },
      latencyP50: { absolute: 5000 },
    };
    const probes = descriptor.probes.map((p) => ({ ...p, rateHz: 20, timeoutMs: 2000 }));
    const vims = { libvirt: { ...s.context.options, uri } };
    const service = { ...descriptor, id: 'one-vm', vims, vnfs, probes, indicators };
    await writeFile(join(folder, 'service.yaml'), stringify(service));
    await writeFile(join(folder, 'one-vm.feature'), feature);
    return new OneVmService(folder);
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  run(): Started {
    const service = ['--service', 'one-vm=service.yaml', '--no-allure', '--out', join(this.folder, 'out')];
    return startOrdeal(['run', 'one-vm.feature', ...service, '--state', this.stateFolder], this.folder);
  }

  status(): Promise<Ended> {
    return ordeal(['status', '--state', this.stateFolder], this.folder);
  }

  recover(): Promise<Ended> {
    return ordeal(['recover', '--state', this.stateFolder], this.folder);
  }
}
