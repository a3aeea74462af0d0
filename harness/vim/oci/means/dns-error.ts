import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { type FaultReading, type Injection, platformFaultParams } from '../../../model/fault.js';
import { errnoOf, OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import { tableName } from '../barrier.js';
import type { Seen } from '../containers.js';
import { sendDatagrams } from '../datagrams.js';
import type { EngineHost } from '../host.js';
import type { Before, Means } from './means.js';

const DNS = 53;
const QUESTIONS = 20;
/** Where there is no name server of its own: TEST-NET-1, which nobody has (RFC 5737). */
const NOBODY = '192.0.2.53';

/** nftables inside of the container's network namespace refuses every question, before anything there could redirect it. */
export class DnsError implements Means {
  readonly how = 'nftables in its network namespace refuses all questions to name servers';

  constructor(readonly host: EngineHost) {}

  async before(_: Seen, { kind, params }: Injection): Promise<Before> {
    const { names, answer } = validate(params, kind, platformFaultParams['dns-error'], 'usage');
    if (names.length === 0 && answer === 'error') return {};
    throw new OrdealError('capability-missing', 'A container VIM refuses every name, and with an error', {
      expected: 'names: [], answer: error',
      remedy: 'Leave out names and answer.',
    });
  }

  async on({ container }: Seen, { id }: Injection): Promise<void> {
    const input = `table inet ${table(id)}
delete table inet ${table(id)}
table inet ${table(id)} {
  chain questions {
    type filter hook output priority -400; policy accept;
    udp dport ${DNS} counter reject
    tcp dport ${DNS} counter reject with tcp reset
  }
}
`;
    await this.#nft(container.pid, ['-f', '-'], input);
  }

  async measure({ container }: Seen, { id }: Injection): Promise<FaultReading> {
    const before = await this.#refused(container.pid, id);
    if (before === undefined) return { effective: false, measured: {}, how: 'no rule of this fault is there' };
    const to = await nameServerOf(container.pid);
    await sendDatagrams(container.pid, { to, port: DNS, count: QUESTIONS, bytes: 32, everyMs: 1 });
    const refused = ((await this.#refused(container.pid, id)) ?? before) - before;
    return {
      effective: refused >= QUESTIONS,
      measured: { asked: QUESTIONS, refused },
      how: `${QUESTIONS} datagrams from inside to port ${DNS} of ${to}, counted by the rule that refuses them`,
    };
  }

  async off({ container }: Seen, { id }: Injection): Promise<void> {
    if (container.pid === 0) return;
    const input = `table inet ${table(id)}\ndelete table inet ${table(id)}\n`;
    await this.#nft(container.pid, ['-f', '-'], input);
  }

  async #refused(pid: number, id: string): Promise<number | undefined> {
    const text = await this.#nft(pid, ['list', 'tables']);
    if (!text.includes(table(id))) return undefined;
    const rules = await this.#nft(pid, ['list', 'table', 'inet', table(id)]);
    return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  #nft(pid: number, args: readonly string[], input?: string): Promise<string> {
    return this.host.runIn(pid, 'nft', args, input === undefined ? {} : { input });
  }
}

const table = (id: string): string => tableName('dns', id);

async function nameServerOf(pid: number): Promise<string> {
  const file = join(`/proc/${pid}/root`, 'etc/resolv.conf');
  const text = await readFile(file, 'utf8').catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT') return '';
    throw e;
  });
  const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
  return servers.find((s) => isIPv4(s)) ?? NOBODY;
}
