/** The usual libvirt URIs: driver[+transport]://[user@][host][:port]/path[?parameters]. */

export class UriError extends Error {
  override readonly name = 'UriError';
}

export interface LibvirtUri {
  /** The URI that the daemon is asked to open: without transport, host and parameters of ours. */
  readonly remoteName: string;
  readonly transport:
    | { readonly kind: 'unix'; readonly socket: string }
    | {
        readonly kind: 'ssh';
        readonly host: string;
        readonly user?: string;
        readonly port?: number;
        /** Absent: whatever the daemon over there listens on. */
        readonly socket?: string;
        readonly keyFile?: string;
        readonly command: string;
      }
    | {
        readonly kind: 'tls';
        readonly host: string;
        readonly port: number;
        /** Folder of cacert.pem, clientcert.pem and clientkey.pem; absent: libvirt's own folders. */
        readonly pkiPath?: string;
        readonly verify: boolean;
      };
}

export const SYSTEM_SOCKET = '/var/run/libvirt/libvirt-sock';
const TLS_PORT = 16514;

/** @param env where a session daemon's socket is looked for. @throws UriError with what was expected */
export function parseLibvirtUri(text: string, env: NodeJS.ProcessEnv = process.env): LibvirtUri {
  let url: URL;
  try {
    url = new URL(text);
  } catch (e) {
    throw new UriError(`"${text}" is not a URI; qemu:///system is one`, { cause: e });
  }
  const [driver = '', transport] = url.protocol.slice(0, -1).split('+');
  const { hostname: host, pathname, searchParams: parameters } = url;
  if (pathname === '' || pathname === '/') {
    throw new UriError(`"${text}" lacks its path; expected ${driver}:///system or ${driver}:///session`);
  }
  const name = parameters.get('name') ?? `${driver}://${pathname}`;
  const socket = parameters.get('socket') ?? localSocket(pathname, env);
  // libvirt's own rule: a host without a transport means TLS, no host means the local socket.
  switch (transport ?? (host === '' ? 'unix' : 'tls')) {
    case 'unix':
      if (host !== '') throw new UriError(`"${text}" names a host, but a unix socket is on this machine`);
      return { remoteName: name, transport: { kind: 'unix', socket } };
    case 'ssh': {
      if (host === '') throw new UriError(`"${text}" lacks the host to reach by SSH`);
      const keyFile = parameters.get('keyfile');
      const there = parameters.get('socket');
      return {
        remoteName: name,
        transport: {
          kind: 'ssh',
          host,
          ...(url.username === '' ? {} : { user: decodeURIComponent(url.username) }),
          ...(url.port === '' ? {} : { port: Number(url.port) }),
          ...(keyFile === null ? {} : { keyFile }),
          ...(there === null ? {} : { socket: there }),
          command: parameters.get('command') ?? 'ssh',
        },
      };
    }
    case 'tls': {
      if (host === '') throw new UriError(`"${text}" lacks the host to reach by TLS`);
      const pkiPath = parameters.get('pkipath');
      return {
        remoteName: name,
        transport: {
          kind: 'tls',
          host,
          port: url.port === '' ? TLS_PORT : Number(url.port),
          ...(pkiPath === null ? {} : { pkiPath }),
          verify: parameters.get('no_verify') !== '1',
        },
      };
    }
    default:
      throw new UriError(`"${text}" has the transport "${transport}"; expected unix, tls or ssh`);
  }
}

function localSocket(path: string, env: NodeJS.ProcessEnv): string {
  if (path !== '/session') return SYSTEM_SOCKET;
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime === undefined || runtime === '') {
    throw new UriError('XDG_RUNTIME_DIR is not set, so the session socket is not known; name it with ?socket=');
  }
  return `${runtime}/libvirt/libvirt-sock`;
}
