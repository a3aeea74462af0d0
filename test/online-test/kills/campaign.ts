import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { recover } from '../../../harness/online-test/recover.js';
import { sleep, until } from '../../../harness/util/deadline.js';
import { asError } from '../../../harness/util/errors.js';
import type { Order, Told } from './doomed-harness.js';
import { type Blow, type Draw, drawRound } from './draw.js';
import { baselineMs, Lane } from './lane.js';
import { runs, signalAll } from './processes.js';

const doomed = fileURLToPath(new URL('./doomed-harness.js', import.meta.url));
/** The run's lease, in milliseconds; what is to be healed is healed within it and two seconds. */
export const leaseMs = 2000;
export const healWithinMs = leaseMs + 2000;
/** Look, restore, prove, evidence: on a machine that is full of runs. */
const closeWithinMs = 60_000;
/** After these nobody is left who gives the service back: somebody recovers it on a later day. */
const left: readonly Blow[] = ['harness and guard killed', 'guard killed, harness stopped', 'all killed'];

export interface Struck {
  readonly blow: Blow;
  readonly stage: string;
  readonly fault: string;
  /** From the blow to no fault of the run being on, in milliseconds; absent where nothing has to be healed by others. */
  readonly healedMs?: number;
  readonly wrong: readonly string[];
  readonly where: string;
}

/** After these the faults are healed by who is left, and how long that takes is held against the lease. */
const measured: readonly Blow[] = [
  'harness killed',
  'worker crashed, harness killed',
  'harness stopped',
  'harness and guard killed',
  'guard killed, harness stopped',
  'host killed',
  'all killed',
];

interface Watched {
  readonly lane: Lane;
  readonly fault: string;
  runId?: string;
  stage: string;
  ended?: string;
}

/** One harness process after the other, each with a run on every lane, each struck once. */
export class Group implements AsyncDisposable {
  private constructor(
    readonly stateFolder: string,
    readonly number: number,
    readonly lanes: readonly Lane[],
  ) {}

  /** @param lanesPerGroup runs that one process holds at the same time */
  static async open(folder: string, number: number, lanesPerGroup: number): Promise<Group> {
    const stateFolder = join(folder, `group-${number}`);
    const names = Array.from({ length: lanesPerGroup }, (_, i) => `lane-${number}-${i}`);
    return new Group(stateFolder, number, await Promise.all(names.map((id) => Lane.open(stateFolder, id))));
  }

  /** @returns one for each run that was open when the blow fell */
  async round(seed: number, round: number): Promise<Struck[]> {
    const draw = drawRound(seed, this.number, round, this.lanes.length);
    const where = `ORDEAL_SEED=${seed} group ${this.number} round ${round}`;
    await Promise.all(this.lanes.map((l) => l.serve()));
    const orders = await Promise.all(draw.runs.map((r, i) => this.#order(r, i)));
    const order: Order = {
      stateFolder: this.stateFolder,
      outFolder: join(this.stateFolder, 'out'),
      leaseMs,
      baselineMs,
      runs: orders,
    };
    const file = join(this.stateFolder, 'order.json');
    await writeFile(file, JSON.stringify(order));
    const watched: Watched[] = this.lanes.map((lane, i) => ({ lane, fault: orders[i]?.fault.kind ?? '', stage: '' }));
    const harness = spawn(process.execPath, [doomed, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(harness, 'exit');
    const atStage = listen(harness, watched, draw.stage);
    await Promise.race([atStage.then(() => sleep(draw.afterMs)), exited]);
    const struck = await this.#strike(draw, harness, watched, where);
    if (process.env.ORDEAL_KILL_LOG !== undefined)
      console.log(`${where}: ${draw.blow} at ${draw.stage}, ${struck.length} runs`);
    await Promise.race([exited, sleep(closeWithinMs)]);
    if (harness.exitCode === null && harness.signalCode === null) {
      harness.kill('SIGKILL');
      throw new Error(`${where}: the harness did not end`);
    }
    return struck;
  }

  async #order({ fault, startsMs, seed }: Draw['runs'][number], i: number): Promise<Order['runs'][number]> {
    const lane = this.lanes[i] as Lane;
    const { isFatal: _, ...request } = fault;
    const target = await lane.resolve(request.target);
    return { lane: i, serviceFile: lane.serviceFile, startsMs, seed, fault: { ...request, target } };
  }

  async #strike(draw: Draw, harness: ChildProcess, watched: readonly Watched[], where: string): Promise<Struck[]> {
    const { blow, stoppedMs } = draw;
    const open = watched.filter((w) => w.runId !== undefined && w.lane.openRun?.id === w.runId);
    const stages = open.map((w) => w.stage);
    const guardOf = open.map((w) => w.lane.openRun?.guardPid ?? undefined);
    const guards = guardOf.filter((pid) => pid !== undefined);
    const hosts = await Promise.all(open.map((w) => w.lane.hostPid()));
    const harnessPid = harness.pid as number;
    const end = (pids: readonly number[]) => signalAll(pids, 'SIGKILL');
    const pause = (pids: readonly number[]) => signalAll(pids, 'SIGSTOP');
    const goOn = (pids: readonly number[]) => signalAll(pids, 'SIGCONT');
    const fromMs = performance.now();
    if (blow.startsWith('worker crashed')) await Promise.all(open.map((w) => crash(w.lane)));
    if (blow.endsWith('harness killed')) end([harnessPid]);
    if (blow === 'harness stopped') pause([harnessPid]);
    if (blow === 'guard killed') end(guards);
    if (blow === 'guard stopped') pause(guards);
    if (blow === 'harness and guard killed') end([harnessPid, ...guards]);
    if (blow === 'guard killed, harness stopped') {
      // The other way round the harness might have started another guard.
      pause([harnessPid]);
      end(guards);
    }
    if (blow === 'host killed') end(hosts);
    if (blow === 'all killed') end([harnessPid, ...guards, ...hosts]);
    const stopped = blow === 'host stopped' ? hosts : blow === 'all stopped' ? [harnessPid, ...guards, ...hosts] : [];
    pause(stopped);
    if (stopped.length > 0) await sleep(stoppedMs);
    goOn(stopped);

    const healed = await Promise.all(
      open.map((w) => (measured.includes(blow) ? healedAfter(w, fromMs) : Promise.resolve(undefined))),
    );
    if (blow === 'guard stopped') {
      // Another one has come up in the meantime, or the run is over: this one has nothing to do any more.
      await sleep(leaseMs * 1.5);
      goOn(guards);
    }
    if (blow === 'harness and guard killed' || blow === 'all killed')
      await until('the harness is gone', () => !runs(harnessPid), { withinMs: 5000 });
    if (left.includes(blow)) await this.#recover(where);
    const struck = await Promise.all(
      open.map(async (w, i): Promise<Struck> => {
        const wrong = await this.#wrongWith(w, blow, healed[i], guardOf[i], () => goOn([harnessPid]));
        const ms = healed[i];
        return {
          ...{ blow, stage: stages[i] ?? '', fault: w.fault, wrong, where: `${where} lane ${i} ${w.runId}` },
          ...(ms === undefined ? {} : { healedMs: ms }),
        };
      }),
    );
    goOn([harnessPid]);
    for (const { wrong, where } of struck) if (wrong.length > 0) console.log(`${where}: ${wrong.join('; ')}`);
    return struck;
  }

  /** As somebody does on a later day. */
  async #recover(where: string): Promise<void> {
    const failed = (await recover(this.stateFolder)).filter((s) => s.outcome === 'failed');
    if (failed.length > 0) console.log(`${where}: ${failed.map((s) => `${s.what}: ${s.reason}`).join('; ')}`);
  }

  async #wrongWith(
    { lane, runId = '' }: Watched,
    blow: Blow,
    healedMs: number | undefined,
    guard: number | undefined,
    wake: () => void,
  ): Promise<string[]> {
    const wrong: string[] = [];
    if (healedMs !== undefined && healedMs > healWithinMs) wrong.push(`healed only after ${Math.round(healedMs)} ms`);
    try {
      const closed = () => lane.session.journal.run(runId)?.closed === true;
      await until('the run is closed', closed, { withinMs: closeWithinMs, everyMs: 100 });
      if (blow.endsWith('harness stopped')) wake();
      await lane.serve();
      if (blow.startsWith('worker crashed')) await lane.faults.heal(outside(lane));
      wrong.push(...(await lane.faultsOf(runId, blow === 'host killed' || blow === 'all killed')));
      // Its own: those of the other runs go on for as long as their runs do.
      await until('the guard has ended', () => guard === undefined || !runs(guard), { withinMs: 15_000 });
      await lane.tidy(runId);
    } catch (e) {
      wrong.push(asError(e).message);
    }
    return wrong;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.lanes) await lane[Symbol.asyncDispose]();
  }
}

/** @returns when the first run has come to the stage, or to its end */
function listen(harness: ChildProcess, watched: readonly Watched[], stage: string): Promise<void> {
  return new Promise((resolve) => {
    if (harness.stdout === null) throw new Error('the harness tells its stages');
    createInterface(harness.stdout).on('line', (line) => {
      const told = JSON.parse(line) as Told;
      const w = watched[told.lane];
      if (w === undefined) return;
      if ('runId' in told) w.runId = told.runId;
      else if ('stage' in told) w.stage = told.stage;
      else w.ended = 'refused' in told ? told.refused : told.errors.join('; ');
      if (told.lane === 0 && (w.stage === stage || w.ended !== undefined)) resolve();
    });
  });
}

async function healedAfter({ lane, runId = '' }: Watched, fromMs: number): Promise<number> {
  await until('no fault is on', async () => (await lane.hasFault(runId)) === false, {
    withinMs: 45_000,
    everyMs: 60,
  }).catch(() => undefined);
  return performance.now() - fromMs;
}

/** Somebody else's misfortune, in the middle of ours. */
const outside = (lane: Lane) => ({
  ...{ id: `outside-${lane.id}`, runId: 'outside', kind: 'crash', vim: 'embedded', target: { vnfc: 'lb' } },
  ...{ params: {}, seed: 1, expiresAfterMs: 60_000 },
});

async function crash(lane: Lane): Promise<void> {
  try {
    await lane.faults.inject(outside(lane));
  } catch (e) {
    // Down already: by the fault of the run itself.
    if (!/is not running/.test(asError(e).message)) throw e;
  }
}
