import { expect, test } from '@playwright/test';
import { endIfItBlocks } from '../../harness/online-test/fence.js';

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

test('nobody ends itself', async () => {
  const { killed, options } = kernel([process.pid]);
  expect(await endIfItBlocks('state', process.pid, options)).toBe(false);
  expect(killed).toEqual([]);
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
