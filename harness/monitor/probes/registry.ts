import type { FigureSpec, ProbeSpec } from '../../model/network-service.js';
import { CommandProber } from './command.js';
import { DnsProber } from './dns.js';
import { GrpcProber } from './grpc.js';
import { HttpProber } from './http.js';
import { IcmpProber } from './icmp.js';
import { LateProber } from './late-prober.js';
import { LogProber } from './log.js';
import type { Prober } from './prober.js';
import { TcpProber } from './tcp.js';
import { TlsProber } from './tls.js';
import { UdpProber } from './udp.js';

/** Every kind of probe. @param base the address of the probe's connection point. @throws OrdealError scenario-invalid */
export function openProbe(spec: ProbeSpec, base: string | undefined): Prober {
  switch (spec.kind) {
    case 'http':
      return new HttpProber(spec, base);
    case 'tcp':
      return new TcpProber(spec);
    case 'udp':
      return new UdpProber(spec, base);
    case 'dns':
      return new DnsProber(spec);
    case 'tls':
      return new TlsProber(spec);
    case 'command':
      return new CommandProber(spec);
    case 'icmp':
      return new IcmpProber(spec);
    case 'grpc':
      return new GrpcProber(spec);
    case 'promql':
    case 'openmetrics':
      return new LateProber(async () => (await import('./metrics.js')).openPageProber(spec));
    case 'log':
      return new LogProber(spec);
  }
}

/** Starting a process holds up the thread for milliseconds: such probes do not share a thread with the quick ones. */
export const holdsUpItsThread = (spec: ProbeSpec): boolean => spec.kind === 'command' || spec.kind === 'icmp';

export const connectionPointOf = (spec: ProbeSpec): string | undefined =>
  'connectionPoint' in spec ? spec.connectionPoint : undefined;

/** What it reads beside how it was answered, in the order of the figures of its samples. */
export const figuresIn = (spec: ProbeSpec): readonly FigureSpec[] => ('figures' in spec ? spec.figures : []);

export const keyRangeOf = (spec: ProbeSpec) => ('keys' in spec ? spec.keys : undefined);
