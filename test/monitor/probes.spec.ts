import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { expect, test } from '@playwright/test';
import { type ProbeSpec, probe } from '../../harness/model/network-service.js';
import { startMonitor } from '../../harness/monitor/monitor.js';

async function udpServer(answer: (question: Buffer) => Buffer | string | undefined): Promise<Socket & AsyncDisposable> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    const reply = answer(question);
    if (reply !== undefined) socket.send(reply, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return Object.assign(socket, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  });
}

async function closedPort(): Promise<number> {
  await using server = await udpServer(() => undefined);
  return server.address().port;
}

/** What each probe told, each outcome once. */
async function outcomes(specs: readonly Record<string, unknown>[], base = ''): Promise<Record<string, string[]>> {
  const probes = specs.map((s) => probe.parse({ rateHz: 20, timeoutMs: 1500, ...s }) as ProbeSpec);
  await using monitor = await startMonitor({ probes, resolve: () => base });
  await monitor.settled(monitor.nowMs() + 300);
  const told = probes.map(({ id }) => {
    const { samples } = monitor.history(id, 0, 1e9);
    return [id, [...new Set(samples.map((s) => `${s.ok} ${s.outcome}`))].sort()];
  });
  return Object.fromEntries(told) as Record<string, string[]>;
}

test('a UDP probe wants an answer, and the expected one', async () => {
  await using server = await udpServer((question) => {
    const text = question.toString();
    return text.startsWith('silent') ? undefined : `pong ${text}`;
  });
  const closed = await closedPort();
  const udp = { kind: 'udp', connectionPoint: 'gw.sip', keys: { prefix: 'c-', to: 3 } };
  const told = await outcomes(
    [
      { ...udp, id: 'good', payload: 'call {key}', expect: { body: 'pong call {key}', exact: true } },
      { ...udp, id: 'other', payload: 'call {key}', expect: { body: 'pong ring' } },
      { ...udp, id: 'silent', payload: 'silent', timeoutMs: 100 },
      { kind: 'udp', id: 'closed', address: `udp://127.0.0.1:${closed}`, payload: 'x' },
    ],
    `udp://127.0.0.1:${server.address().port}`,
  );
  expect(told).toEqual({
    good: ['true answer'],
    other: ['false other answer'],
    silent: ['false timeout'],
    closed: ['false ECONNREFUSED'],
  });
  await expect(outcomes([{ ...udp, id: 'bad', payload: 'x' }], 'http://127.0.0.1:1')).rejects.toThrow(
    /expected udp:\/\/host:port/,
  );
});

test('a copy of an answer, or one that comes too late, is not taken for the answer to another request', async () => {
  const peers = new Set<number>();
  const late = new Set<NodeJS.Timeout>();
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    peers.add(port);
    const reply = `pong ${question}`;
    socket.send(reply, port, address);
    for (const laterMs of [1, 30, 400]) late.add(setTimeout(() => socket.send(reply, port, address), laterMs));
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  try {
    const address = `udp://127.0.0.1:${socket.address().port}`;
    const spec = { kind: 'udp', id: 'p', address, payload: 'call {key}', keys: { prefix: 'c-', to: 50 }, rateHz: 50 };
    const probes = [probe.parse({ ...spec, timeoutMs: 5000, expect: { body: 'pong call {key}', exact: true } })];
    await using monitor = await startMonitor({ probes, resolve: () => '' });
    await monitor.settled(monitor.nowMs() + 2200);
    const { samples } = monitor.history('p', 0, 1e9);
    expect(samples.filter((s) => !s.ok)).toEqual([]);
    expect(samples.length).toBeGreaterThan(80);
    // Sockets are used again, after a rest.
    expect(peers.size).toBeLessThan(samples.length);
  } finally {
    for (const timer of late) clearTimeout(timer);
    await new Promise<void>((resolve) => void socket.close(() => resolve()));
  }
});

/** Answers every question for type A with 192.0.2.7, but for names that begin with "no". */
function nameServer(question: Buffer): Buffer {
  const exists = !question.subarray(13, 15).equals(Buffer.from('no'));
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(exists ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(exists ? 1 : 0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  let end = 12;
  while (question[end] !== 0) end += 1 + (question[end] as number);
  const asked = question.subarray(12, end + 5);
  const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 7]);
  return Buffer.concat(exists ? [head, asked, record] : [head, asked]);
}

test('a DNS probe asks one name server for a name, and knows a wrong answer', async () => {
  await using server = await udpServer(nameServer);
  const dns = { kind: 'dns', port: server.address().port };
  const told = await outcomes([
    { ...dns, id: 'good', name: 'host-{key}.example', keys: { to: 3 }, expect: { answer: '192.0.2.7' } },
    { ...dns, id: 'other', name: 'host.example', expect: { answer: '192.0.2.8' } },
    { ...dns, id: 'missing', name: 'no.example' },
  ]);
  expect(told).toEqual({ good: ['true answer'], other: ['false other answer'], missing: ['false ENOTFOUND'] });
});

test('a DNS probe without an answer times out', async () => {
  await using server = await udpServer(() => undefined);
  const told = await outcomes([
    { kind: 'dns', id: 'silent', port: server.address().port, name: 'host.example', timeoutMs: 150 },
  ]);
  expect(told).toEqual({ silent: ['false timeout'] });
});

test('a TLS probe wants a certificate that is trusted, carries the name and is valid for long enough', async () => {
  const [key, cert] = [test.info().outputPath('key.pem'), test.info().outputPath('cert.pem')];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '10',
  ];
  const names = ['-subj', '/CN=gw.example', '-addext', 'subjectAltName=DNS:gw.example'];
  try {
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  } catch (e) {
    test.skip(true, `needs openssl, to make a certificate: ${String(e)}`);
  }
  const ca = readFileSync(cert, 'utf8');
  const server = createServer({ key: readFileSync(key), cert: ca }, (socket) => socket.end());
  server.on('tlsClientError', () => {}); // those that do not trust it
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const tls = { kind: 'tls', port: (server.address() as AddressInfo).port, serverName: 'gw.example' };
    const told = await outcomes([
      { ...tls, id: 'good', ca, validForDays: 5 },
      { ...tls, id: 'expiring', ca, validForDays: 30 },
      { ...tls, id: 'untrusted' },
      { ...tls, id: 'name', ca, serverName: 'other.example' },
      { ...tls, id: 'closed', port: 1 },
    ]);
    expect(told).toEqual({
      good: ['true TLSv1.3'],
      expiring: ['false certificate expires'],
      untrusted: ['false DEPTH_ZERO_SELF_SIGNED_CERT'],
      name: ['false ERR_TLS_CERT_ALTNAME_INVALID'],
      closed: ['false ECONNREFUSED'],
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
