import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import { cableOf, deviceInside, devicesOf } from '../cables.js';
import type { Containers, Seen } from '../containers.js';
import type { EngineHost } from '../host.js';
import type { Before, Means } from './means.js';

const NO_CARRIER = 'NO-CARRIER';

/** The end on the host of its cable is set down: the NIC inside has no carrier, and keeps its addresses and routes. */
export class NicUnplug implements Means {
  readonly how = 'the ends of its cables on the host are set down';

  /** The cable may be there longer than the process. */
  readonly outlives = true;

  constructor(
    readonly containers: Containers,
    readonly host: EngineHost,
  ) {}

  /** The address inside by the name of its cable on the host. */
  async before(seen: Seen, { kind, params }: Injection): Promise<Before> {
    const { connectionPoint } = validate(params, kind, machineFaultParams['nic-unplug'], 'usage');
    const { container } = seen;
    const points = this.containers.vnfcOf(seen)?.vnfc.connectionPoints ?? [];
    const network = points.find((p) => p.id === connectionPoint)?.link;
    const struck = container.networks.filter(
      (n) => n.address !== '' && (connectionPoint === undefined || n.network === network),
    );
    if (struck.length === 0) {
      throw new OrdealError('unknown-target', `"${container.name}" has no NIC ${connectionPoint ?? ''}`.trim(), {
        expected: `one of ${points.map((p) => p.id).join(', ') || 'none'}, on a network of the engine`,
      });
    }
    return Object.fromEntries(
      await Promise.all(struck.map(async ({ address }) => [await cableOf(this.host, container, address), address])),
    );
  }

  async on(_: Seen, __: Injection, before: Before): Promise<void> {
    for (const cable of Object.keys(before)) await this.host.run('ip', ['link', 'set', cable, 'down']);
  }

  async measure({ container }: Seen, _: Injection, before: Before): Promise<FaultReading> {
    const inside = await Promise.all(
      Object.values(before).map((address) => deviceInside(this.host, container.pid, String(address))),
    );
    const unplugged = inside.filter((d) => d?.flags.includes(NO_CARRIER)).length;
    return {
      effective: unplugged === inside.length,
      measured: { unplugged, asked: inside.length },
      how: 'the NICs inside of the container that have no carrier, as ip says there',
    };
  }

  /** What was restarted meanwhile has new cables. */
  async off(_: Seen, __: Injection, before: Before): Promise<void> {
    const there = new Set((await devicesOf(this.host)).map((d) => d.ifname));
    for (const cable of Object.keys(before)) {
      if (there.has(cable)) await this.host.run('ip', ['link', 'set', cable, 'up']);
    }
  }
}
