import { expect, test } from '@playwright/test';
import { sleep } from '../../../harness/util/deadline.js';
import { MessageStatus } from '../../../harness/vim/libvirt/rpc/framing.js';
import { ErrorCode, procedures, uuidText } from '../../../harness/vim/libvirt/rpc/index.js';
import { encode } from '../../../harness/vim/libvirt/rpc/xdr.js';
import { thawAfterwards } from '../../../harness/vim/libvirt/thawing.js';
import { errorPayload } from './rpc/error-payload.js';
import { reply, ScriptedDaemon } from './rpc/scripted-daemon.js';

const uuid = Buffer.alloc(16, 9);
const dom = { name: 'store-1', uuid, id: 4 };
const quick = { afterMs: 50, everyMs: 2 };

test('a guest that is paused, or whose agent is silent, is thawed when it answers again, however long that takes', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.domainLookupByUuid, { dom });
  let asked = 0;
  const startedAt = performance.now();
  daemon.answer(procedures.domainFsThaw.number, (message, socket) => {
    expect(performance.now() - startedAt, 'not before its time').toBeGreaterThanOrEqual(50);
    const isPaused = ++asked <= 100;
    const error = errorPayload(ErrorCode.operationInvalid, 10, 'domain is not running');
    const done = encode(procedures.domainFsThaw.returns, { filesystems: 1 });
    socket.write(reply(message, isPaused ? MessageStatus.error : MessageStatus.ok, isPaused ? error : done));
  });
  expect(await thawAfterwards(daemon.uri, uuidText(uuid), quick)).toBe('thawed');
  expect(asked).toBe(101);
});

test('a daemon that is down for a while is waited for', async () => {
  await using daemon = await ScriptedDaemon.start();
  daemon.on(procedures.domainLookupByUuid, { dom });
  daemon.on(procedures.domainFsThaw, { filesystems: 1 });
  await daemon.die();
  const thawed = thawAfterwards(daemon.uri, uuidText(uuid), quick);
  await sleep(200);
  await daemon.listen();
  expect(await thawed).toBe('thawed');
});

test('a guest that was started anew, is off, or is no more is frozen no more', async () => {
  for (const later of [{ ...dom, id: 5 }, { ...dom, id: -1 }, undefined]) {
    await using daemon = await ScriptedDaemon.start();
    let looks = 0;
    daemon.answer(procedures.domainLookupByUuid.number, (message, socket) => {
      const seen = looks++ === 0 ? dom : later;
      const gone = errorPayload(ErrorCode.noDomain, 10, 'no domain with matching uuid');
      if (seen === undefined) socket.write(reply(message, MessageStatus.error, gone));
      else {
        const found = encode(procedures.domainLookupByUuid.returns, { dom: seen });
        socket.write(reply(message, MessageStatus.ok, found));
      }
    });
    expect(await thawAfterwards(daemon.uri, uuidText(uuid), quick)).toBe('gone');
    expect(daemon.received.map((m) => m.header.procedure)).not.toContain(procedures.domainFsThaw.number);
  }
});
