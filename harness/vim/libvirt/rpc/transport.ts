import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect as connectSocket, isIP } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ConnectionLostError } from './errors.js';
import { type LibvirtUri, SYSTEM_SOCKET } from './uri.js';

type TransportOf<K extends LibvirtUri['transport']['kind']> = Extract<LibvirtUri['transport'], { kind: K }>;

/** @throws ConnectionLostError: nobody listens, or the peer was not accepted */
export async function openTransport({ transport, remoteName }: LibvirtUri, deadlineMs: number): Promise<Duplex> {
  switch (transport.kind) {
    case 'unix':
      return connected(connectSocket(transport.socket), 'connect', transport.socket, deadlineMs);
    case 'tls':
      return openTls(transport, deadlineMs);
    case 'ssh':
      return openSsh(transport, remoteName);
  }
}

function connected<S extends Duplex>(socket: S, event: string, where: string, deadlineMs: number): Promise<S> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ConnectionLostError(`${where}: ${why}`, { cause }));
    };
    const onError = (e: Error) => fail(e.message, e);
    const timer = setTimeout(() => fail(`no answer within ${deadlineMs} ms`), deadlineMs);
    socket.once('error', onError);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

async function openTls({ host, port, pkiPath, verify }: TransportOf<'tls'>, deadlineMs: number): Promise<Duplex> {
  const files =
    pkiPath === undefined
      ? ['/etc/pki/CA/cacert.pem', '/etc/pki/libvirt/clientcert.pem', '/etc/pki/libvirt/private/clientkey.pem']
      : ['cacert.pem', 'clientcert.pem', 'clientkey.pem'].map((name) => join(pkiPath, name));
  const [ca, cert, key] = await Promise.all(files.map((file) => readFile(file))).catch((e: Error) => {
    throw new ConnectionLostError(`The certificates for libvirt over TLS cannot be read: ${e.message}`, { cause: e });
  });
  const socket = connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: verify,
  });
  await connected(socket, 'secureConnect', `${host}:${port}`, deadlineMs);
  await acceptance(socket, `${host}:${port}`, deadlineMs);
  return socket;
}

/** After the handshake libvirt says with one byte whether it takes our certificate. */
function acceptance(socket: TLSSocket, where: string, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (why?: string) => {
      clearTimeout(timer);
      socket.off('readable', look);
      socket.off('close', onClose);
      if (why === undefined) return resolve();
      socket.destroy();
      reject(new ConnectionLostError(`${where}: ${why}`));
    };
    const look = () => {
      const byte = socket.read(1) as Buffer | null;
      if (byte !== null) settle(byte[0] === 1 ? undefined : 'libvirt did not accept the client certificate');
    };
    const onClose = () => settle('libvirt closed the connection after the TLS handshake');
    const timer = setTimeout(() => settle(`libvirt did not accept the client within ${deadlineMs} ms`), deadlineMs);
    socket.on('readable', look);
    socket.once('close', onClose);
  });
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** libvirt's own helper knows where its daemon listens; where it is not, or a socket is named, nc is enough. */
function remoteCommand(remoteName: string, socket: string | undefined): string {
  if (socket !== undefined) return `nc -U ${quoted(socket)}`;
  const helper = `virt-ssh-helper ${quoted(remoteName)}`;
  return `if command -v virt-ssh-helper >/dev/null; then exec ${helper}; else exec nc -U ${quoted(SYSTEM_SOCKET)}; fi`;
}

/** The remote daemon through ssh's standard streams. */
function openSsh({ host, user, port, socket, keyFile, command }: TransportOf<'ssh'>, remoteName: string): Duplex {
  const target = user === undefined ? host : `${user}@${host}`;
  const options = [
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(keyFile === undefined ? [] : ['-i', keyFile]),
  ];
  const child = spawn(
    command,
    ['-T', '-o', 'BatchMode=yes', ...options, '--', target, remoteCommand(remoteName, socket)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said = (said + piece).slice(-2000);
  });
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  const end = (why: string) => duplex.destroy(new ConnectionLostError(`${command} to ${target}: ${why}`));
  child.once('error', (e) => end(e.message));
  child.once('exit', (code) => end(said.trim() || `ended with ${code}`));
  duplex.once('close', () => child.kill());
  return duplex;
}
