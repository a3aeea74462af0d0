import { connect } from 'node:net';
import type { ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

export type TcpSpec = Extract<ProbeSpec, { kind: 'tcp' }>;

/** Above this rate connections are reset, not closed: each closed one would hold a local port for a minute (TIME_WAIT). */
const resetAboveHz = 200;

/** A TCP connection that is accepted is a good sample. Where the connection may be taken by the kernel alone, it says
 *  no more than that: a stalled process still accepts. */
export class TcpProber implements Prober {
  constructor(private readonly spec: TcpSpec) {}

  send(_key: string, done: Done): Abort {
    const socket = connect({ host: this.spec.host, port: this.spec.port });
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      over = true;
      if (ok && this.spec.rateHz > resetAboveHz) socket.resetAndDestroy();
      else socket.destroy();
      done(ok, outcome);
    };
    socket.once('connect', () => finish(true, 'connected'));
    socket.on('error', (e) => finish(false, outcomeOf(e)));
    return () => {
      over = true;
      socket.destroy();
    };
  }

  moveTo(): void {
    // Host and port are the descriptor's own.
  }

  async close(): Promise<void> {}
}
