import { OrdealError } from '../../util/errors.js';
import type { EngineHost } from './host.js';

const FAMILY = 'bridge';

/**
 * Rules on the bridges that the containers are plugged into, each set in a table of its own: named after what it is for, so
 * that any process finds it and takes it away. What a container's own kernel says while its process is not there, such
 * as a reset, goes no further than its port.
 */
export class BridgeRules {
  constructor(readonly host: EngineHost) {}

  /** @param rules of nft, on what comes in from the ports. Idempotent. */
  async set(table: string, rules: readonly string[]): Promise<void> {
    const lines = rules.map((rule) => `    ${rule}`).join('\n');
    // Declared first, so that there is one to be flushed.
    const script = `table ${FAMILY} ${table}
delete table ${FAMILY} ${table}
table ${FAMILY} ${table} {
  chain ports {
    type filter hook prerouting priority -300; policy accept;
${lines}
  }
  chain own {
    type filter hook output priority -300; policy accept;
${lines}
  }
}
`;
    await this.host.run('nft', ['-f', '-'], { input: script });
  }

  /** Idempotent; where there is no nft there are no rules. */
  async clear(table: string): Promise<void> {
    const input = `table ${FAMILY} ${table}\ndelete table ${FAMILY} ${table}\n`;
    await this.host.run('nft', ['-f', '-'], { input }).catch((e: unknown) => {
      if (!(e instanceof OrdealError && e.kind === 'capability-missing')) throw e;
    });
  }

  /** Bytes and packets of each rule that counts, in the order of the rules: those that came in, and our own. */
  async counters(table: string): Promise<readonly { packets: number; bytes: number }[] | undefined> {
    const text = await this.host.run('nft', ['list', 'table', FAMILY, table]).catch((e: unknown) => {
      if (e instanceof OrdealError && /No such file/.test(e.message)) return undefined;
      throw e;
    });
    if (text === undefined) return undefined;
    return [...text.matchAll(/counter packets (\d+) bytes (\d+)/g)].map(([, packets, bytes]) => ({
      packets: Number(packets),
      bytes: Number(bytes),
    }));
  }

  async isThere(table: string): Promise<boolean> {
    return (await this.counters(table)) !== undefined;
  }

  /** Nothing reaches these addresses, and nothing leaves them. */
  close(name: string, addresses: readonly string[]): Promise<void> {
    return this.set(
      name,
      addresses.filter((a) => a !== '').flatMap((a) => [`ip saddr ${a} drop`, `ip daddr ${a} drop`]),
    );
  }
}

/** nft's identifiers: letters, digits and underscores. */
export const tableName = (purpose: string, id: string): string =>
  `ordeal_${purpose}_${id.replaceAll(/[^A-Za-z0-9]/g, '_').slice(0, 64)}`;
