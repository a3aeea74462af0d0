import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@playwright/test';
import { endIfItBlocks } from '../../harness/online-test/fence.js';
import { processOf } from '../../harness/store/process-identity.js';
import { openState } from '../../harness/store/state.js';
import { temporaryFolder } from '../temporary-folder.js';

/** @param seen who writes, look by look; the last for ever */
function kernel(...seen: number[][]) {
  const killed: number[] = [];
  let looks = 0;
  const writers = () => {
    const now = seen[Math.min(looks, seen.length - 1)] ?? [];
    looks++;
    return now.filter((pid) => !killed.includes(pid));
  };
  return { killed, options: { writers, kill: (pid: number) => void killed.push(pid) }, looks: () => looks };
}

test('who stands still in the middle of a write is ended', async () => {
  const { killed, options } = kernel([7, 4711]);
  expect(await endIfItBlocks('state', 4711, options)).toBe(true);
  expect(killed).toEqual([4711]);
});

test('who does not write is left alone, though others do', async () => {
  const { killed, options, looks } = kernel([7]);
  expect(await endIfItBlocks('state', 4711, options)).toBe(false);
  expect(killed).toEqual([]);
  expect(looks()).toBe(1);
});

test('who writes at one look and not at the next goes on, and is left alone', async () => {
  for (const seen of [
    [[4711], []],
    [[4711], [4711], []],
  ]) {
    const { killed, options } = kernel(...seen);
    expect(await endIfItBlocks('state', 4711, options)).toBe(false);
    expect(killed).toEqual([]);
  }
});

test('who stands still in the middle of a snapshot of the service is ended, and who is in none is left alone', async () => {
  const { killed, options } = kernel([]);
  const operators = async () => [7, 4711].filter((pid) => !killed.includes(pid));
  expect(await endIfItBlocks('state', 12, { ...options, serviceId: 'web', operators })).toBe(false);
  expect(await endIfItBlocks('state', 4711, { ...options, operators }), 'no service is asked for').toBe(false);
  expect(killed).toEqual([]);
  expect(await endIfItBlocks('state', 4711, { ...options, serviceId: 'web', operators })).toBe(true);
  expect(killed).toEqual([4711]);
});

test('by itself it knows who is in a snapshot of the service from the state folder', async () => {
  const folder = await temporaryFolder('fence');
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const pid = holder.pid ?? 0;
  const exited = once(holder, 'exit');
  await using state = await openState(folder);
  const operation = state.operations.begin('snapshot creation', 'web', ['gateway']);
  const { processStartedAt } = processOf(pid);
  state.database.run(
    'update operation set pid = ?, processStartedAt = ? where id = ?',
    pid,
    processStartedAt,
    operation.id,
  );
  expect(await endIfItBlocks(folder, pid, { serviceId: 'mail' })).toBe(false);
  expect(await endIfItBlocks(folder, pid, { serviceId: 'web' })).toBe(true);
  expect((await exited)[1]).toBe('SIGKILL');
});

test('nobody ends itself', async () => {
  const { killed, options } = kernel([process.pid]);
  expect(await endIfItBlocks('state', process.pid, options)).toBe(false);
  expect(killed).toEqual([]);
});

test('the first look is at once, and the others are so far apart that no write which goes on is met twice', async () => {
  const { options, looks } = kernel([4711]);
  const fromMs = performance.now();
  const ended = endIfItBlocks('state', 4711, options);
  expect(looks()).toBe(1);
  await ended;
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual(98);
});

test('by itself it ends with SIGKILL, and who may not be ended is told', async () => {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)']);
  const pid = child.pid ?? 0;
  const exited = once(child, 'exit');
  const writers = () => (child.exitCode === null && child.signalCode === null ? [pid] : []);
  expect(await endIfItBlocks('state', pid, { writers, endMs: 20_000 })).toBe(true);
  expect((await exited)[1]).toBe('SIGKILL');
  const { kill } = process;
  try {
    process.kill = () => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    };
    await expect(endIfItBlocks('state', 4711, { writers: () => [4711] })).rejects.toThrow('kill EPERM');
  } finally {
    process.kill = kill;
  }
});

test('a process that does not end is told', async () => {
  const { options } = kernel([4711]);
  const stubborn = { writers: options.writers, kill: () => undefined, endMs: 50 };
  await expect(endIfItBlocks('state', 4711, stubborn)).rejects.toMatchObject({
    kind: 'timeout',
    message: expect.stringMatching(/The end of process 4711 did not happen within 50 ms/),
  });
});

test('a process that has ended in the meantime is no failure', async () => {
  // No process has this id: it is beyond what Linux gives out.
  const gone = 2 ** 22 + 1;
  const seen = [[gone], [gone], [gone], []];
  let look = 0;
  expect(await endIfItBlocks('state', gone, { writers: () => seen[look++] ?? [] })).toBe(true);
});
