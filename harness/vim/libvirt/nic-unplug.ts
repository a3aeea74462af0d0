import { type FaultReading, type Injection, machineFaultParams } from '../../model/fault.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { Domains, Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { Affect } from './hypervisor.js';
import type { Means } from './means.js';
import { procedures } from './rpc/index.js';

/** A guest is asked to let its NIC go, and answers when it likes. */
const LET_GO_MS = 20_000;

/** The virtual NICs are unplugged while the guest runs, and plugged in again with their MAC and their place on the bus. */
export class NicUnplug implements Means {
  readonly how = 'the virtual NICs are unplugged while the guest runs';

  constructor(readonly domains: Domains) {}

  async before(seen: Seen, { kind, params }: Injection): Promise<Target['before']> {
    const { connectionPoint } = validate(params, kind, machineFaultParams['nic-unplug'], 'usage');
    const interfaces = this.domains.interfaces(seen);
    const struck = connectionPoint === undefined ? [...interfaces.values()] : [interfaces.get(connectionPoint)];
    const macs = struck.flatMap((it) => it?.mac ?? []);
    if (macs.length === 0) {
      throw new OrdealError('unknown-target', `"${seen.dom.name}" has no NIC ${connectionPoint ?? ''}`.trim(), {
        expected: `one of ${[...interfaces.keys()].join(', ') || 'none'}`,
      });
    }
    return Object.fromEntries(macs.map((mac) => [mac, seen.xml.pluggableInterfaceXml(mac)]));
  }

  async on(seen: Seen, _: Injection, before: Target['before']): Promise<void> {
    const { hypervisor } = this.domains;
    const { dom } = seen;
    for (const mac of Object.keys(before)) {
      if (!has(seen, mac)) continue;
      const args = { dom, xml: seen.xml.interfaceXml(mac, 'up'), flags: Affect.live };
      await hypervisor.call(procedures.domainDetachDevice, args, `NIC ${mac} of "${dom.name}" cannot be unplugged`);
    }
    const isGone = async () => {
      const xml = await hypervisor.xml(dom);
      return Object.keys(before).every((mac) => !has({ xml }, mac));
    };
    await until(`"${dom.name}" lets its NICs go`, isGone, { withinMs: LET_GO_MS, everyMs: 100 });
  }

  async measure(seen: Seen, _: Injection, before: Target['before']): Promise<FaultReading> {
    const macs = Object.keys(before);
    const unplugged = macs.filter((mac) => !has(seen, mac)).length;
    return {
      effective: unplugged === macs.length,
      measured: { unplugged, asked: macs.length },
      how: 'the virtual NICs that QEMU still has, as libvirt reports them',
    };
  }

  /** Of one that is quarantined the link stays down. */
  async off(seen: Seen, _: Injection, before: Target['before']): Promise<void> {
    const { dom, marks } = seen;
    for (const [mac, xml] of Object.entries(before)) {
      if (has(seen, mac)) continue;
      const plug = { dom, xml: String(xml), flags: Affect.live };
      const what = `NIC ${mac} of "${dom.name}" cannot be plugged in again`;
      await this.domains.hypervisor.call(procedures.domainAttachDevice, plug, what);
      if (marks.quarantined) await this.domains.hypervisor.setLinks(dom, [mac], 'down');
    }
  }
}

const has = ({ xml }: Pick<Seen, 'xml'>, mac: string): boolean => xml.interfaces.some((i) => i.mac === mac);
