import { z } from 'zod';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { Seen } from './domains.js';
import type { Hypervisor } from './hypervisor.js';

const started = z.object({ pid: z.number() });
const status = z.object({
  exited: z.boolean(),
  exitcode: z.number().optional(),
  signal: z.number().optional(),
  'out-data': z.string().optional(),
  'err-data': z.string().optional(),
});

/**
 * A shell script inside the guest, through its agent (guest-exec). The guest must be of the Unix kind.
 * @returns what it printed @throws OrdealError of kind vim-failed with its own words when it ends with another code than 0
 */
export async function inGuest(
  hypervisor: Hypervisor,
  { dom, xml }: Seen,
  what: string,
  script: string,
  { withinMs = 30_000, args = [] as readonly string[] } = {},
): Promise<string> {
  if (!xml.hasAgentChannel) {
    throw new OrdealError('capability-missing', `${what}: "${dom.name}" has no guest agent`, {
      remedy: 'Give the domain a channel org.qemu.guest_agent.0, and run qemu-ga in the guest.',
    });
  }
  const exec = { path: '/bin/sh', arg: ['-c', script, 'ordeal', ...args], 'capture-output': true };
  const { pid } = started.parse(await hypervisor.agent(dom, 'guest-exec', exec));
  const end = await until(
    `${what} in "${dom.name}"`,
    async () => {
      const now = status.parse(await hypervisor.agent(dom, 'guest-exec-status', { pid }));
      return now.exited ? now : undefined;
    },
    { withinMs, everyMs: 100 },
  );
  const text = (data: string | undefined) =>
    Buffer.from(data ?? '', 'base64')
      .toString('utf8')
      .trim();
  if (end.exitcode === 0) return text(end['out-data']);
  const said =
    text(end['err-data']) || text(end['out-data']) || `it ended with ${end.exitcode ?? `signal ${end.signal}`}`;
  throw new OrdealError('vim-failed', `${what} in "${dom.name}" failed`, { cause: new Error(said) });
}
