import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@playwright/test';
import type { ProbeSpec } from '../../harness/model/network-service.js';
import { HttpProber, type HttpSpec } from '../../harness/monitor/probes/http.js';
import { httpProbe, TestServer } from './test-server.js';

const open = (url: string, more: Record<string, unknown> = {}) =>
  new HttpProber(httpProbe('p', { url, connectionPoint: undefined, ...more }) as ProbeSpec & HttpSpec, undefined);
const ask = (prober: HttpProber, key = 'k') =>
  new Promise<string>((resolve) => void prober.send(key, (ok, outcome) => resolve(`${ok} ${outcome}`)));

/** A server of raw bytes. @param onData answers; `connections` counts */
async function rawServer(onData: (socket: Socket, text: string) => void) {
  const seen = { connections: 0, heads: [] as string[] };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    seen.connections++;
    sockets.add(socket);
    socket.on('error', () => {}); // the prober may reset it
    socket.on('data', (bytes) => {
      seen.heads.push(bytes.toString());
      onData(socket, bytes.toString());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x/{key}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

test('requests one after the other share a connection, and each says host, path and key', async () => {
  await using server = await rawServer((socket) => socket.write(ok));
  const prober = open(server.url);
  expect([await ask(prober, 'a b'), await ask(prober, 'c')]).toEqual(['true 200', 'true 200']);
  expect(server.seen.connections).toBe(1);
  const { host } = new URL(server.url);
  expect(server.seen.heads[0]).toBe(`GET /x/a%20b HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n\r\n`);
  await prober.close();
});

test('a body goes out with its length in bytes, and its answer is compared', async () => {
  await using server = await rawServer((socket) => socket.write(ok));
  const sent = open(server.url, { method: 'PUT', body: '€ {key}', expect: { body: 'ok', exact: true } });
  expect(await ask(sent)).toBe('true 200');
  expect(server.seen.heads[0]).toContain('content-length: 5\r\n\r\n€ k');
  const other = open(server.url, { method: 'POST', expect: { body: 'no' } });
  expect(await ask(other)).toBe('false 200 other body');
  expect(server.seen.heads[1]).toContain('content-length: 0\r\n');
  await Promise.all([sent.close(), other.close()]);
});

test('a connection that the server is about to close is not used again', async () => {
  await using server = await rawServer((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n'),
  );
  const prober = open(server.url);
  expect([await ask(prober), await ask(prober)]).toEqual(['true 200', 'true 200']);
  expect(server.seen.connections).toBe(2);
  await prober.close();
});

test('a connection that the server closed while it was idle costs no sample', async () => {
  let gone = () => {};
  const isGone = new Promise<void>((resolve) => {
    gone = resolve;
  });
  await using server = await rawServer((socket) => {
    // Both sides have closed by then.
    socket.once('close', () => gone());
    socket.write(ok);
    setTimeout(() => socket.end(), 20);
  });
  const prober = open(server.url);
  expect(await ask(prober)).toBe('true 200');
  await isGone;
  expect(await ask(prober)).toBe('true 200');
  expect(server.seen.connections).toBe(2);
  await prober.close();
});

test('each way to fail has its own outcome', async () => {
  await using reset = await rawServer((socket) => socket.resetAndDestroy());
  await using closed = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'));
  await using ssh = await rawServer((socket) => socket.write('SSH-2.0-OpenSSH\r\n'));
  const told = await Promise.all(
    [reset.url, closed.url, ssh.url, 'http://127.0.0.1:1/'].map(async (url) => {
      const prober = open(url);
      const outcome = await ask(prober);
      await prober.close();
      return outcome;
    }),
  );
  expect(told).toEqual(['false ECONNRESET', 'false closed', 'false not HTTP', 'false ECONNREFUSED']);
});

test('a request that is given up tells nothing, and does not harm the next one', async () => {
  await using server = await rawServer((socket, text) => {
    if (!text.includes('/silent')) socket.write(ok);
  });
  const prober = open(server.url);
  let told = 0;
  const abort = prober.send('silent', () => told++);
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort();
  abort();
  expect(await ask(prober)).toBe('true 200');
  expect(told).toBe(0);
  await prober.close();
});

test('a probe that moves ends what is under way where it was', async () => {
  await using first = await TestServer.start();
  await using second = await TestServer.start();
  first.answer = (_, response) => void setTimeout(() => response.end('late'), 100);
  const spec = httpProbe('p', { url: '{base}/{key}', connectionPoint: 'gw.web' }) as ProbeSpec & HttpSpec;
  const prober = new HttpProber(spec, first.base);
  const underWay = ask(prober);
  prober.moveTo(second.base);
  expect(await ask(prober)).toBe('true 200');
  expect(await underWay).toBe('true 200');
  expect([first.urls.length, second.urls.length]).toEqual([1, 1]);
  await prober.close();
});
