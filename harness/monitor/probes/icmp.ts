import type { ProbeSpec } from '../../model/network-service.js';
import { CommandProber } from './command.js';
import type { Abort, Done, Prober } from './prober.js';

export type IcmpSpec = Extract<ProbeSpec, { kind: 'icmp' }>;

const outcomes: Readonly<Record<string, string>> = {
  'exit 0': 'reply',
  'exit 1': 'no reply',
  ENOENT: 'ping is missing',
};

/**
 * One echo request by the system's own ping, which is allowed to send it: Node.js has no sockets for ICMP. The latency of
 * a sample is that of the process.
 */
export class IcmpProber implements Prober {
  readonly #ping: CommandProber;

  constructor({ id, host, rateHz, timeoutMs }: IcmpSpec) {
    const wait = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
    const command = ['ping', '-n', '-q', '-c', '1', '-W', wait, host];
    this.#ping = new CommandProber({ kind: 'command', id, rateHz, timeoutMs, command, expectExitCode: 0 });
  }

  send(key: string, done: Done): Abort {
    return this.#ping.send(key, (ok, outcome) => done(ok, outcomes[outcome] ?? outcome));
  }

  moveTo(): void {
    // The host is the descriptor's own.
  }

  close(): Promise<void> {
    return this.#ping.close();
  }
}
