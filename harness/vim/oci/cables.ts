import { z } from 'zod';
import { OrdealError } from '../../util/errors.js';
import type { OciContainer } from './engine.js';
import type { EngineHost } from './host.js';

const devices = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    flags: z.array(z.string()).default([]),
    link_index: z.number().optional(),
    addr_info: z.array(z.object({ local: z.string().optional() })).default([]),
  }),
);
type Device = z.output<typeof devices>[number];

/** Those of the host. */
export const devicesOf = async (host: EngineHost): Promise<readonly Device[]> =>
  devices.parse(JSON.parse(await host.run('ip', ['-j', 'link', 'show'])));

/** The one inside of the container that has the address. */
export async function deviceInside(host: EngineHost, pid: number, address: string): Promise<Device | undefined> {
  const inside = devices.parse(JSON.parse(await host.runIn(pid, 'ip', ['-j', 'address', 'show'])));
  return inside.find((d) => d.addr_info.some((a) => a.local === address));
}

/** The name on the host of the cable whose other end has the address inside of the container. */
export async function cableOf(
  host: EngineHost,
  { pid, name }: Pick<OciContainer, 'pid' | 'name'>,
  address: string,
): Promise<string> {
  const inside = await deviceInside(host, pid, address);
  const found = (await devicesOf(host)).find((d) => d.ifindex === inside?.link_index);
  if (found !== undefined) return found.ifname;
  throw new OrdealError('capability-missing', `The cable of "${name}" to the bridge is not found`, {
    expected: 'a pair of veth devices, as bridge networks have',
    remedy: 'Faults of links and of NICs strike containers on bridge networks of this host.',
  });
}
