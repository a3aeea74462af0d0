import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { until } from '../../../harness/util/deadline.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { deploySample } from './online-test.js';

/** One command on a connection of its own. @returns what Redis answers, without its framing */
async function ask(redis: URL, command: string): Promise<string> {
  const socket = connect({ host: redis.hostname, port: Number(redis.port) });
  socket.write(`${command}\r\nQUIT\r\n`);
  const [, answer = ''] = /^(.*)\+OK\r\n$/s.exec(await text(socket)) ?? [];
  if (answer === '' || answer.startsWith('-')) throw new Error(`${command}: ${answer || 'no whole answer'}`);
  return answer.replace(/^\$\d+\r\n|^[+:]/, '').trimEnd();
}

/** What Redis says of itself, by name. */
async function figuresOf(redis: URL): Promise<Readonly<Record<string, string | undefined>>> {
  const said = await ask(redis, 'INFO');
  return Object.fromEntries([...said.matchAll(/^(\w+):([^\r\n]*)/gm)].map(([, name, value]) => [name ?? '', value]));
}

/**
 * A database and its replica are captured as one cut and reverted together. Fails when a row is not as it was, in memory or on
 * disk, or when the replica had to connect anew.
 */
export async function revertRows(host: ContainerHost): Promise<void> {
  test.setTimeout(180_000);
  const folder = await deploySample(host, 'session-redis');
  const service = await readService(join(folder, 'service.yaml'));
  await using session = await ServiceSession.open(service, { stateFolder: join(folder, 'state') });
  await session.start();
  const at = async (address: string) => new URL(await host.ports.reach(address));
  const [primary, replica] = [await at('10.80.0.21:6379'), await at('10.80.0.22:6379')];
  const both = (command: string) => Promise.all([primary, replica].map((redis) => ask(redis, command)));
  /** Answers once the replica has it, too. */
  const write = async (command: string) => {
    await ask(primary, command);
    const { master_repl_offset: offset } = await figuresOf(primary);
    const isThere = async () => (await figuresOf(replica)).master_repl_offset === offset;
    await until('the replica has it', isThere, { withinMs: 10_000 });
  };
  await write('SET row then');
  await write('SET gone-later 1');
  const before = await figuresOf(primary);

  const cut = await session.engine.create({ vnf: 'session-store', name: 'rows', purpose: 'manual', type: 'warm' });
  expect(cut.userDefinedData.cut).toMatchObject({ consistent: true });
  for (const command of ['SET row later', 'DEL gone-later', 'SET new 1']) await write(command);
  expect(await both('GET row')).toEqual(['later', 'later']);

  await session.engine.revert(cut.id);
  expect(await both('GET row')).toEqual(['then', 'then']);
  expect(await both('EXISTS gone-later new')).toEqual(['1', '1']);
  expect(await both('DBSIZE')).toEqual([before.db0, before.db0].map((db) => /keys=(\d+)/.exec(db ?? '')?.[1]));
  await write('SET row after');
  expect(await figuresOf(replica)).toMatchObject({ master_link_status: 'up' });
  const { sync_full, sync_partial_ok, connected_slaves } = await figuresOf(primary);
  expect({ sync_full, sync_partial_ok, connected_slaves }, 'the replica has not connected anew').toEqual({
    sync_full: before.sync_full,
    sync_partial_ok: before.sync_partial_ok,
    connected_slaves: '1',
  });

  // Once more, and then it starts from its volume alone: the disk is of the same moment as the memory.
  await session.engine.revert(cut.id);
  const vim = session.vims.get(host.kind);
  const compute = await vim?.locate('store-1');
  if (vim === undefined || compute === undefined) throw new Error('there is no store-1');
  await vim.stop(compute, { graceMs: 0 });
  await vim.start(compute);
  const row = await until('it serves again', () => ask(primary, 'GET row').catch(() => undefined), {
    withinMs: 10_000,
  });
  expect(row).toBe('then');
  expect(await ask(primary, 'EXISTS gone-later new')).toBe('1');
}
