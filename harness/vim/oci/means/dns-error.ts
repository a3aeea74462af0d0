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
const UDP_HEADER = 8;
const DNS_HEADER = 12;
const MOST_AT_ONCE = 16;
const WHOLE_NAME = /^(?=.{1,253}\.?$)([a-z0-9_-]{1,63})(\.[a-z0-9_-]{1,63})*\.?$/i;
/** Where there is no name server of its own: TEST-NET-1, which nobody has (RFC 5737). */
const NOBODY = '192.0.2.53';

/** nftables inside of the container's network namespace refuses questions, before anything there could redirect them. */
export class DnsError implements Means {
  readonly how =
    'nftables in its network namespace refuses questions to name servers: all, or over UDP those for names';

  constructor(readonly host: EngineHost) {}

  async before(_: Seen, { kind, params }: Injection): Promise<Before> {
    const { names, answer } = validate(params, kind, platformFaultParams['dns-error'], 'usage');
    if (answer === 'error' && names.every((name) => WHOLE_NAME.test(name))) return {};
    throw new OrdealError('capability-missing', 'A container VIM refuses names as a whole, and with an error', {
      expected: 'names without * and ?, or none for all; answer: error',
      got: `names: [${names.join(', ')}], answer: ${answer}`,
      remedy: 'Write out the names, or leave them out.',
    });
  }

  async on({ container }: Seen, injection: Injection): Promise<void> {
    const { id } = injection;
    const names = namesOf(injection);
    const udp = names.length === 0 ? [''] : names.map(questionIs);
    const rules = udp.map((match) => `    udp dport ${DNS} ${match} counter reject`);
    // A question over TCP may lie anywhere in the stream: all are refused, or none.
    if (names.length === 0) rules.push(`    tcp dport ${DNS} counter reject with tcp reset`);
    const input = `table inet ${table(id)}
delete table inet ${table(id)}
table inet ${table(id)} {
  chain questions {
    type filter hook output priority -400; policy accept;
${rules.join('\n')}
  }
}
`;
    await this.#nft(container.pid, ['-f', '-'], input);
  }

  async measure({ container }: Seen, injection: Injection): Promise<FaultReading> {
    const { id } = injection;
    const [name = 'ordeal.invalid'] = namesOf(injection);
    const before = await this.#refused(container.pid, id);
    if (before === undefined) return { effective: false, measured: {}, how: 'no rule of this fault is there' };
    const to = await nameServerOf(container.pid);
    const payload = questionFor(name).toString('hex');
    await sendDatagrams(container.pid, { to, port: DNS, count: QUESTIONS, bytes: 0, payload, everyMs: 1 });
    const refused = ((await this.#refused(container.pid, id)) ?? before) - before;
    return {
      effective: refused >= QUESTIONS,
      measured: { asked: QUESTIONS, refused },
      how: `${QUESTIONS} questions for ${name} from inside to port ${DNS} of ${to}, counted by the rule that refuses them`,
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

const namesOf = ({ kind, params }: Injection): readonly string[] =>
  validate(params, kind, platformFaultParams['dns-error'], 'usage').names;

/** Labels with their lengths, and the root. Source: RFC 1035, 3.1. */
function encoded(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  return Buffer.concat([...labels.map((l) => Buffer.from([l.length, ...Buffer.from(l)])), Buffer.from([0])]);
}

/** Header with one question, wanting recursion; type A, class IN. Source: RFC 1035, 4.1. */
const questionFor = (name: string): Buffer =>
  Buffer.concat([Buffer.from('4f4401000001000000000000', 'hex'), encoded(name), Buffer.from('00010001', 'hex')]);

/** The name begins behind the headers of UDP and DNS; nft compares at most 16 bytes at once. As libc asks: lower case. */
function questionIs(name: string): string {
  const bytes = encoded(name);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += MOST_AT_ONCE) {
    const piece = bytes.subarray(at, at + MOST_AT_ONCE);
    pieces.push(`@th,${(UDP_HEADER + DNS_HEADER + at) * 8},${piece.length * 8} 0x${piece.toString('hex')}`);
  }
  return pieces.join(' ');
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
