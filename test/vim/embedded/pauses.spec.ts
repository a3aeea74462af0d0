import { rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { sleep, until } from '../../../harness/util/deadline.js';
import { HostConnection } from '../../../harness/vim/embedded/connection.js';
import { Pauses } from '../../../harness/vim/embedded/host/pauses.js';
import { serveClients } from '../../../harness/vim/embedded/host/rpc-server.js';
import type { ClientHandle, HostHandlers } from '../../../harness/vim/embedded/protocol.js';
import { temporaryFolder } from '../../temporary-folder.js';

/** A client that answers as a test says, and goes when it says so. */
function client() {
  const gone: (() => void)[] = [];
  const go = (): void => {
    for (const work of gone) work();
  };
  const it = { isWell: true, asked: 0, go };
  const handle: ClientHandle = {
    onGone: (work) => void gone.push(work),
    answers: async (withinMs) => {
      it.asked++;
      if (!it.isWell) await sleep(withinMs);
      return it.isWell;
    },
  };
  return Object.assign(it, { handle });
}

function pauses(silentMs = 100) {
  const thawed: string[] = [];
  return { thawed, it: new Pauses((id) => void thawed.push(id), silentMs) };
}

test('what a client froze that stands still is thawed, all of it, and nothing of others', async () => {
  const { thawed, it } = pauses();
  const [hung, well] = [client(), client()];
  it.took('a@1', hung.handle);
  it.took('b@1', hung.handle);
  it.took('c@1', well.handle);
  hung.isWell = false;
  await until('it is thawed', () => thawed.length === 2, { withinMs: 5000 });
  await sleep(200);
  expect(thawed).toEqual(['a@1', 'b@1']);
  well.go();
  expect(thawed).toEqual(['a@1', 'b@1', 'c@1']);
});

test('a client that answers keeps what it froze, and is asked no more once it has thawed it', async () => {
  const { thawed, it } = pauses();
  const well = client();
  it.took('a@1', well.handle);
  await until('it was asked often', () => well.asked >= 5, { withinMs: 5000 });
  expect(thawed).toEqual([]);
  it.ended('a@1');
  await sleep(50);
  const { asked } = well;
  await sleep(100);
  expect(well.asked).toBe(asked);
  // Another freeze of the same client is watched again.
  it.took('a@1', well.handle);
  await until('it is asked again', () => well.asked > asked, { withinMs: 5000 });
  it.ended('a@1');
});

test('what is frozen only after its client has gone is thawed at once', () => {
  const { thawed, it } = pauses(60_000);
  const dead = client();
  it.took('a@1', dead.handle);
  dead.go();
  expect(thawed).toEqual(['a@1']);
  it.took('b@1', dead.handle);
  expect(thawed).toEqual(['a@1', 'b@1']);
});

test('a freeze that is over before the first question costs none', async () => {
  const { it } = pauses(1000);
  const well = client();
  it.took('a@1', well.handle);
  it.ended('a@1');
  await sleep(150);
  expect(well.asked).toBe(0);
});

test.describe('over a socket', () => {
  let folder: string;
  let server: Server;
  let last: ClientHandle | undefined;

  test.beforeEach(async () => {
    folder = await temporaryFolder('rpc');
    last = undefined;
    const handlers = {
      hello: (_: object, from: ClientHandle) => {
        last = from;
        return {};
      },
    } as unknown as HostHandlers;
    server = await serveClients(
      join(folder, 's'),
      handlers,
      () => undefined,
      () => undefined,
    );
  });

  test.afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  test('a client gives a sign of life without knowing the question, and none once it has gone', async () => {
    const connection = await HostConnection.open(join(folder, 's'), 'svc');
    await connection.call('hello', {});
    expect(await last?.answers(5000)).toBe(true);
    connection.close();
    await until('it has gone', async () => (await last?.answers(1000)) === false, { withinMs: 5000 });
  });

  test('a client that reads nothing gives none', async () => {
    const socket = connect(join(folder, 's'));
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'hello', params: {} });
    socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    const from = await until('it is known', () => last, { withinMs: 5000 });
    expect(await from.answers(200)).toBe(false);
    socket.destroy();
  });
});
