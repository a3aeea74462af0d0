import { z } from 'zod';
import type { EngineHost } from './host.js';

/** One established TCP connection, with how much has passed since its socket was made or restored. */
export const connection = z.object({
  local: z.string(),
  peer: z.string(),
  sentBytes: z.number(),
  receivedBytes: z.number(),
});
export type Connection = z.output<typeof connection>;

/** The TCP connections of a container, by the kernel's own account of its network namespace. */
export class Connections {
  constructor(readonly host: EngineHost) {}

  async of(pid: number): Promise<Connection[]> {
    const text = await this.host.runIn(pid, 'ss', ['-H', '-O', '-t', '-n', '-i', 'state', 'established']);
    return text.split('\n').flatMap((line) => {
      const [, , local, peer] = line.trim().split(/\s+/);
      if (local === undefined || peer === undefined) return [];
      const figure = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
      return [{ local, peer, sentBytes: figure('bytes_sent'), receivedBytes: figure('bytes_received') }];
    });
  }

  /** Ends them, so that their peers hear of it and connect anew. */
  async end(pid: number, connections: readonly Pick<Connection, 'local' | 'peer'>[]): Promise<void> {
    if (connections.length === 0) return;
    const filter = connections.map(({ local, peer }) => `( src = ${local} and dst = ${peer} )`).join(' or ');
    await this.host.runIn(pid, 'ss', ['-K', '-t', '-n', ...filter.split(' ')]);
  }
}

export const addressIn = (endpoint: string): string =>
  endpoint
    .replace(/:\d+$/, '')
    .replaceAll(/[[\]]/g, '')
    .replace(/^::ffff:/, '');

/** The same connection, through which nothing has passed since. */
export const isUnmoved = (then: Connection, now: readonly Connection[], since: 'made' | 'restored'): boolean => {
  const it = now.find((c) => c.local === then.local && c.peer === then.peer);
  if (it === undefined) return false;
  if (since === 'restored') return it.sentBytes === 0 && it.receivedBytes === 0;
  return it.sentBytes === then.sentBytes && it.receivedBytes === then.receivedBytes;
};
