import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { seededRandom } from '../../harness/util/random.js';
import { memoryFolder } from '../memory-folder.js';
import { type Operation, operations, worldOf } from './dying-machine.js';
import { contentsOf, type Machine, openMachine } from './package-bench.js';

const seed = Number(process.env.ORDEAL_SEED ?? Date.now() % 1_000_000);
/** A quarter of them in each operation. */
const kills = Number(process.env.ORDEAL_KILLS ?? 500);
const most = 4;
/** Machines side by side: while the one is looked at, processes of the others boot, work and are killed. */
const lanes = 3;
const script = fileURLToPath(new URL('./dying-machine.js', import.meta.url));

/** A process that has loaded everything and waits to be told what to do: most of the time of a kill would go there. */
class Victim {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly exited: Promise<unknown[]>;

  constructor() {
    this.process = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.exited = once(this.process, 'exit');
  }
}

/** What a victim said that it had made, and not that it was deleting. */
class Told {
  snapshots = new Set<string>();
  packages = new Set<string>();
  /** Longest seen, in milliseconds. */
  readonly lasts = new Map<Operation, number>();

  hear(line: string): void {
    const [word, what = '', it = ''] = line.split(' ');
    const of = what === 'snapshot' ? this.snapshots : this.packages;
    if (word === 'made') of.add(it);
    if (word === 'deleting') of.delete(it);
    if (word === 'end')
      this.lasts.set(what as Operation, Math.max(Number(it), this.lasts.get(what as Operation) ?? 0) * 0.9 + 1);
  }
}

/** Lets it work on the folder, and kills it at a random moment of the operation. @returns how far into it, in ms */
async function kill(victim: Victim, folder: string, operation: Operation, n: number, told: Told, random: () => number) {
  victim.process.stdin.write(`${JSON.stringify({ folder, operation, n })}\n`);
  let isOpened = false;
  let killedAfter: number | undefined;
  for await (const line of createInterface({ input: victim.process.stdout })) {
    told.hear(line);
    if (line === 'opened') isOpened = true;
    if (!isOpened || killedAfter !== undefined || line !== `begin ${operation}`) continue;
    killedAfter = random() * (told.lasts.get(operation) ?? 50);
    void sleep(killedAfter).then(() => victim.process.kill('SIGKILL'));
  }
  expect((await victim.exited)[1]).toBe('SIGKILL');
  return killedAfter ?? 0;
}

/** Every listed thing is sound, nothing that was told is lost, and nothing else is there. */
async function check(machine: Machine, told: Told, folder: string): Promise<number> {
  const packages = machine.packages();
  const left = [...(await packages.recover()), ...(await machine.engine.recover())];
  expect(machine.state.vnfSnapshots.unfinished()).toEqual([]);
  const snapshots = machine.engine.list();
  const listed = snapshots.map((s) => s.id);
  for (const id of told.snapshots) expect(listed, 'a VNF Snapshot that was made').toContain(id);
  const referred = snapshots.flatMap((s) => s.vnfcSnapshots.map((v) => v.computeSnapshotResource?.resourceId));
  expect(new Set(referred), 'what the VIM holds').toEqual(new Set(machine.vim.stored.keys()));
  const available: string[] = [];
  for (const info of (await packages.query()) as { id: string; state: string }[]) {
    if (info.state === 'ERROR') {
      await packages.delete(info.id);
      continue;
    }
    expect(info.state, info.id).toBe('AVAILABLE');
    await packages.verify(info.id);
    available.push(info.id);
  }
  for (const id of told.packages) expect(available, 'a package that was made').toContain(id);
  expect(await contentsOf(machine)).toEqual(available.sort());
  const chunks = await machine.state.chunks();
  await chunks.collectGarbage();
  expect(await chunks.verify()).toEqual([]);
  expect((await chunks.planGarbageCollection()).remove).toEqual([]);
  const files = await readdir(join(folder, 'state', 'chunks'), { recursive: true });
  expect(files.filter((file) => /\.(tmp|writing)$/.test(file))).toEqual([]);
  // The newest go on to the next, which is to have something to collect.
  const { engine } = machine;
  if (listed.length > most) await engine.delete(listed.slice(most));
  for (const id of available.slice(0, -most)) await packages.delete(id);
  told.snapshots = new Set(listed.slice(0, most));
  told.packages = new Set(available.slice(-most));
  return left.length;
}

test('after kill -9 at any point of create, package, import and garbage collection, what is listed is sound and nothing leaks', {
  tag: ['@Vnfm.008', '@Vnfm.009'],
}, async () => {
  test.setTimeout(60_000 + kills * 5000);
  console.log(`${kills} kills, ORDEAL_SEED=${seed}`);
  // Processes are killed here, and not the machine: nobody has to wait for a disk.
  const folder = await memoryFolder('package-kills');
  const from = performance.now();
  let cleaned = 0;
  let isOver = false;
  const killOn = async (lane: number): Promise<void> => {
    const own = join(folder, `machine-${lane}`);
    await mkdir(own);
    const random = seededRandom(seed + lane);
    const told = new Told();
    const waiting = [new Victim()];
    try {
      for (let n = lane; n < kills && !isOver; n += lanes) {
        const operation = operations[Math.floor(n / lanes) % operations.length] ?? 'create';
        const victim = waiting.shift() ?? new Victim();
        waiting.push(new Victim());
        await test.step(`${n}: ${operation}`, async (step) => {
          const killedAfter = await kill(victim, own, operation, n, told, random);
          await step.attach('moment', { body: `killed after ${killedAfter.toFixed(1)} ms, seed ${seed}` });
          await using machine = await openMachine({}, own, worldOf(own));
          if ((await check(machine, told, own)) > 0) cleaned++;
        });
      }
    } finally {
      isOver = true;
      for (const { process } of waiting) process.kill('SIGKILL');
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, (_, lane) => killOn(lane)));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  await rm(folder, { recursive: true, force: true });
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  const description = `${kills} kills in ${seconds} s, seed ${seed}: after ${cleaned} of them something was left to clean up`;
  console.log(description);
  test.info().annotations.push({ type: 'measured', description });
});
