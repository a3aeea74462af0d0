import { expect, test } from '@playwright/test';
import { lifecycleEvent } from '../../../../harness/vim/libvirt/rpc/events.js';
import { type Message, MessageStatus } from '../../../../harness/vim/libvirt/rpc/framing.js';
import {
  CallTimeoutError,
  ConnectionLostError,
  LibvirtClient,
  LibvirtError,
  procedures,
} from '../../../../harness/vim/libvirt/rpc/index.js';
import { KEEPALIVE_PROGRAM } from '../../../../harness/vim/libvirt/rpc/procedures.js';
import { encode } from '../../../../harness/vim/libvirt/rpc/xdr.js';
import { errorPayload } from './error-payload.js';
import { reply, ScriptedDaemon } from './scripted-daemon.js';

const uuid = Buffer.alloc(16, 9);
const dom = { name: 'store-1', uuid, id: 4 };

test('a call gets its answer, and answers that come out of order reach their callers', async () => {
  await using daemon = await ScriptedDaemon.start();
  const held: Message[] = [];
  daemon.answer(procedures.domainLookupByName.number, (message, socket) => {
    held.push(message);
    if (held.length < 2) return;
    for (const m of held.reverse()) {
      const name = m.payload.toString('utf8', 4, 4 + m.payload.readUInt32BE(0));
      socket.write(
        reply(m, MessageStatus.ok, encode(procedures.domainLookupByName.returns, { dom: { ...dom, name } })),
      );
    }
  });
  const client = new LibvirtClient(daemon.uri);
  const found = await Promise.all(['one', 'two'].map((name) => client.call(procedures.domainLookupByName, { name })));
  expect(found.map((f) => f.dom.name)).toEqual(['one', 'two']);
  await client.close();
});

test('an error of libvirt keeps its code, its domain and its words', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.answer(procedures.domainSuspend.number, (message, socket) =>
    socket.write(reply(message, MessageStatus.error, errorPayload(55, 10, 'domain is not running'))),
  );
  const client = new LibvirtClient(daemon.uri);
  const error = await client.call(procedures.domainSuspend, { dom }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(LibvirtError);
  expect(error).toMatchObject({
    code: 55,
    codeName: 'operationInvalid',
    domainName: 'qemu',
    message: 'domain is not running',
    procedure: 'domainSuspend',
  });
  await client.close();
});

test('a call that is given up does not bring the connection out of step', async () => {
  await using daemon = await ScriptedDaemon.start();
  let late: (() => void) | undefined;
  daemon.answer(procedures.domainSuspend.number, (message, socket) => {
    late = () => socket.write(reply(message, MessageStatus.ok, Buffer.alloc(0)));
  });
  daemon.on(procedures.connectGetHostname, { hostname: 'h' });
  const client = new LibvirtClient(daemon.uri);
  await expect(client.call(procedures.domainSuspend, { dom }, 50)).rejects.toBeInstanceOf(CallTimeoutError);
  late?.();
  expect(await client.call(procedures.connectGetHostname, {})).toEqual({ hostname: 'h' });
  expect(daemon.sockets.size).toBe(1);
  await client.close();
});

test('calls under way fail when the daemon dies, and the next call reaches the daemon that came after it', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.connectGetHostname, { hostname: 'h' });
  const client = new LibvirtClient(daemon.uri, { returnMs: 50 });
  await client.call(procedures.connectGetHostname, {});
  const hanging = client.call(procedures.domainResume, { dom });
  await Promise.all([expect(hanging).rejects.toBeInstanceOf(ConnectionLostError), daemon.die()]);
  await expect(client.call(procedures.connectGetHostname, {})).rejects.toBeInstanceOf(ConnectionLostError);
  await daemon.listen();
  expect(await client.call(procedures.connectGetHostname, {})).toEqual({ hostname: 'h' });
  await client.close();
});

test('a daemon that was there is waited for, and one that never was is not', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.connectGetHostname, { hostname: 'h' });
  const client = new LibvirtClient(daemon.uri);
  await client.call(procedures.connectGetHostname, {});
  const hanging = client.call(procedures.domainResume, { dom });
  await Promise.all([expect(hanging).rejects.toBeInstanceOf(ConnectionLostError), daemon.die()]);
  const waiting = client.call(procedures.connectGetHostname, {});
  const another = new LibvirtClient(daemon.uri);
  await expect(another.call(procedures.connectGetHostname, {})).rejects.toBeInstanceOf(ConnectionLostError);
  await daemon.listen();
  expect(await waiting).toEqual({ hostname: 'h' });
  await client.close();
});

test('lifecycle events are told while calls go on', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.connectGetHostname, { hostname: 'h' });
  const client = new LibvirtClient(daemon.uri);
  const told = new Promise((resolve) => client.onLifecycle(resolve));
  await client.call(procedures.connectGetHostname, {});
  daemon.say(lifecycleEvent.number, encode(lifecycleEvent.body, { callbackId: 1, dom, event: 3, detail: 0 }));
  expect(await told).toMatchObject({ lifecycle: 'suspended', domain: { name: 'store-1' } });
  await client.close();
});

test('a ping of the daemon is answered, and a daemon that has fallen silent is given up', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.connectGetHostname, { hostname: 'h' });
  const client = new LibvirtClient(daemon.uri, { keepalive: { everyMs: 20, count: 3 } });
  await client.call(procedures.connectGetHostname, {});
  daemon.say(1, Buffer.alloc(0), KEEPALIVE_PROGRAM);
  const silent = client.call(procedures.domainResume, { dom });
  await expect(silent).rejects.toThrow('silent for 60 ms');
  const keepalives = daemon.received.filter((m) => m.header.program === KEEPALIVE_PROGRAM);
  expect(keepalives.map((m) => m.header.procedure)).toEqual(expect.arrayContaining([1, 2]));
  await client.close();
});

test('bytes that are not the protocol end the connection by name', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.answer(procedures.domainResume.number, (_message, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const client = new LibvirtClient(daemon.uri);
  await expect(client.call(procedures.domainResume, { dom })).rejects.toThrow('not its protocol');
  await client.close();
});

test('an authentication that is not spoken here is told at once', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.authList, { types: [1] });
  const client = new LibvirtClient(daemon.uri);
  await expect(client.call(procedures.connectGetHostname, {})).rejects.toThrow('asks for SASL authentication');
});
