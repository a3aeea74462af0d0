import { expect, test } from '@playwright/test';
import { until } from '../../../harness/util/deadline.js';
import { DomainXml } from '../../../harness/vim/libvirt/domain-xml.js';
import { Hypervisor } from '../../../harness/vim/libvirt/hypervisor.js';
import { MessageStatus } from '../../../harness/vim/libvirt/rpc/framing.js';
import { ErrorCode, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { decode, encode } from '../../../harness/vim/libvirt/rpc/xdr.js';
import { losesWrites, ShortPause } from '../../../harness/vim/libvirt/short-pause.js';
import { errorPayload } from './rpc/error-payload.js';
import { reply, ScriptedDaemon } from './rpc/scripted-daemon.js';

const seen = { dom: { name: 'store-1', uuid: Buffer.alloc(16, 9), id: 4 } };
const { domainMigrateGetMaxDowntime, domainMigrateSetMaxDowntime } = procedures;
const qemusOwn = 250n;

/** A QEMU that keeps the limit that it is told. @param refuses how many of them it does not take, and for which reason */
async function migratable(refuses: { from: number; code: number } | undefined = undefined) {
  const daemon = await ScriptedDaemon.start();
  const limits: number[] = [];
  daemon.on(domainMigrateGetMaxDowntime, { downtimeMs: qemusOwn });
  daemon.answer(domainMigrateSetMaxDowntime.number, (message, socket) => {
    const { downtimeMs } = decode(domainMigrateSetMaxDowntime.args, message.payload);
    limits.push(Number(downtimeMs));
    const isRefused = refuses !== undefined && limits.length > refuses.from;
    const error = errorPayload(refuses?.code ?? 0, 10, 'domain is not running');
    const done = encode(domainMigrateSetMaxDowntime.returns, {});
    socket.write(reply(message, isRefused ? MessageStatus.error : MessageStatus.ok, isRefused ? error : done));
  });
  return { daemon, limits };
}

test('a guest may stand still for 20 ms, for longer each time that it is too busy for that, and at last as before', async () => {
  const { daemon, limits } = await migratable();
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  const pause = await ShortPause.begin(hypervisor, seen, 30);
  expect(limits).toEqual([20]);
  await until('the limit has grown to its most', () => limits.at(-1) === 300, { withinMs: 10_000 });
  expect(limits).toEqual([20, 40, 80, 160, 300]);
  await pause.end();
  expect(limits).toEqual([20, 40, 80, 160, 300, Number(qemusOwn)]);
});

test('a capture that ends at once gives back the limit that was there, and raises none any more', async () => {
  const { daemon, limits } = await migratable();
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  const pause = await ShortPause.begin(hypervisor, seen, 30);
  await pause.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(limits).toEqual([20, Number(qemusOwn)]);
});

test('a guest that ends meanwhile has no limit, and that is no failure', async () => {
  const { daemon, limits } = await migratable({ from: 1, code: ErrorCode.operationInvalid });
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  const pause = await ShortPause.begin(hypervisor, seen, 30);
  await until('it was to be raised', () => limits.length > 1, { withinMs: 10_000 });
  await pause.end();
  expect(limits.at(-1)).toBe(Number(qemusOwn));
});

test('a limit that QEMU does not take is told before anything is captured', async () => {
  const { daemon, limits } = await migratable({ from: 0, code: ErrorCode.configUnsupported });
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  await expect(ShortPause.begin(hypervisor, seen, 10)).rejects.toMatchObject({
    message: expect.stringContaining('the migration parameters of "store-1" cannot be set'),
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(limits, 'and it is not tried again').toEqual([20]);
});

test('in one pass it stands still for what is left after that, at no other time, and at last as before', async () => {
  const { daemon, limits } = await migratable();
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  const pause = await ShortPause.inOnePass(hypervisor, seen);
  await pause.end();
  expect(limits).toEqual([0, Number(qemusOwn)]);
});

test('an emulated guest loses writes to a QEMU before 9.0, and no other does', async () => {
  const { daemon } = await migratable();
  await using _ = daemon;
  await using hypervisor = new Hypervisor(daemon.uri);
  const domain = (type: string) => ({ xml: new DomainXml(`<domain type='${type}'><name>store-1</name></domain>`) });
  for (const [version, type, loses] of [
    [7_002_022n, 'qemu', true],
    [8_002_010n, 'qemu', true],
    [9_000_000n, 'qemu', false],
    [7_002_022n, 'kvm', false],
  ] as const) {
    daemon.on(procedures.connectGetVersion, { version });
    expect(await losesWrites(hypervisor, domain(type)), `${type} ${version}`).toBe(loses);
  }
});
