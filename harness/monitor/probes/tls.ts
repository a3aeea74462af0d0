import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

export type TlsSpec = Extract<ProbeSpec, { kind: 'tls' }>;

const dayMs = 86_400_000;

/** A TLS handshake with a certificate that is trusted, carries the name and does not expire too soon. */
export class TlsProber implements Prober {
  constructor(private readonly spec: TlsSpec) {}

  send(_key: string, done: Done): Abort {
    const { host, port, serverName, ca, validForDays = 0 } = this.spec;
    const servername = serverName ?? (isIP(host) === 0 ? host : '');
    const socket = connect({ host, port, servername, ...(ca === undefined ? {} : { ca }) });
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      over = true;
      socket.destroy();
      done(ok, outcome);
    };
    socket.once('secureConnect', () => {
      const leftMs = Date.parse(socket.getPeerCertificate().valid_to) - Date.now();
      if (leftMs >= validForDays * dayMs) finish(true, socket.getProtocol() ?? 'secure');
      else finish(false, 'certificate expires');
    });
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
