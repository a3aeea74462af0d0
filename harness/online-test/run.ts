import { Injector } from '../fault/injector.js';
import { figureRules } from '../judge/judge.js';
import type { RunRecord } from '../model/run-record.js';
import { startMonitor } from '../monitor/monitor.js';
import { ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { ServiceClaim } from './claim.js';
import { conclude, injectionVerdict } from './conclusion.js';
import type { Quarantined } from './evidence.js';
import { Lease } from './guard.js';
import { keepInHistory } from './history.js';
import { informAll } from './inform.js';
import { leaseTimes } from './lease.js';
import { Loads } from './loads.js';
import { Observation } from './observation.js';
import { type Plan, planOnlineTest, vimOfFault } from './plan.js';
import { Recorder } from './recorder.js';
import type { OnlineTestOptions, OnlineTestRequest } from './request.js';
import { keepEvidence, lookAndRestore } from './rescue.js';
import { restore } from './restoration.js';
import type { ServiceSession } from './session.js';
import {
  type Covered,
  injectAndWait,
  journalCover,
  type Measured,
  measureAgain,
  type Run,
  takeBaseline,
  takeSnapshots,
} from './stages.js';
import { type Crossing, StopWatch } from './stop-conditions.js';
import { Timeline } from './timeline.js';

/** How long a VIM that cannot be told that we are well holds a fault beyond its duration, in milliseconds. */
const deadManMs = 60_000;

/**
 * One online test, all eight steps of clause 4.1.1.4. Throws only while nothing has been touched (the plan); after
 * that every outcome is in the record, and the service has been given back as well as it could be.
 */
export async function runOnlineTest(
  session: ServiceSession,
  request: OnlineTestRequest,
  options: OnlineTestOptions,
): Promise<RunRecord> {
  const planFromMs = performance.now();
  const plan = await planOnlineTest(session, request);
  const { leaseMs } = leaseTimes(options.leaseMs);
  const recorder = new Recorder(request, session.service.descriptor.id, plan, options);
  const { journal, service } = session;
  recorder.inform = (record) => informAll(service, record);
  await using claim = await ServiceClaim.of(session, recorder.id, leaseMs);
  journal.begin({
    id: recorder.id,
    serviceFile: service.file,
    serviceId: service.descriptor.id,
    outFolder: recorder.folder,
    pid: process.pid,
    startedAt: recorder.record.startedAt,
    leaseMs,
  });
  using lease = new Lease(journal, recorder.id, { leaseMs });
  const stops = [
    lease.lost,
    lease.stopped,
    lease.failed,
    claim.lost,
    ...(options.signal === undefined ? [] : [options.signal]),
  ];
  const signal = AbortSignal.any(stops);
  using _ = whenAborted(lease.stopped, (reason) => recorder.stopped('stop-request', reason));
  using __ = whenAborted(options.signal, (reason) => recorder.stopped('interrupt', reason));
  const traceFrom = session.trace.length;
  try {
    await recorder.start();
    await recorder.stage('plan', async () => [
      undefined,
      `${plan.area.map((v) => v.id).join(', ')}; planned in ${Math.round(performance.now() - planFromMs)} ms`,
    ]);
    await loop(session.heldFor(recorder.id), plan, recorder, lease, signal);
  } catch (e) {
    recorder.failed(e);
  }
  if (lease.isLost) {
    claim.keep();
    return recorder.abandon();
  }
  recorder.trace(session.trace.slice(traceFrom));
  // Before the journal says that it is over: nobody looks for the record of a run that is closed.
  await recorder.conclude();
  if (journal.open(recorder.id).length === 0) journal.close(recorder.id);
  else {
    claim.keep();
    recorder.note('Something is left open: see `ordeal status`; `ordeal recover` finishes it.');
  }
  const record = await recorder.finish();
  await remember(session, recorder, record, options.label ?? '');
  return record;
}

/** The run is over and told: a history that cannot be written is no fault of the run, and is said. */
async function remember({ state, service }: ServiceSession, recorder: Recorder, record: RunRecord, label: string) {
  try {
    await keepInHistory(
      state.folder,
      { record, folder: recorder.folder },
      label,
      figureRules(service.descriptor.probes),
    );
  } catch (e) {
    recorder.note(`This run is not kept in the history: ${reasonOf(e)}`);
  }
}

/** Not before the last call has ended, until it is disposed. */
function every(ms: number, work: () => Promise<void>): Disposable {
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void work().finally(() => {
      isBusy = false;
    });
  }, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Calls back once, until it is disposed. */
function whenAborted(signal: AbortSignal | undefined, tell: (reason: string) => void): Disposable {
  const listener = () => tell(reasonOf(signal?.reason));
  if (signal?.aborted) listener();
  signal?.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', listener) };
}

async function loop(
  session: ServiceSession,
  plan: Plan,
  recorder: Recorder,
  lease: Lease,
  outside: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outside, stop.signal]);
  await using monitor = await startMonitor({
    probes: session.service.descriptor.probes,
    resolve: await session.addresses(),
    originMs: recorder.originMs,
    samplesFile: recorder.samplesFile,
    seed: plan.seed,
  });
  const { probes } = session.service.descriptor;
  await using loads = new Loads(probes, await session.addresses(), recorder.originMs, (told) => recorder.note(told));
  if (plan.load !== undefined) await loads.begin(plan.load, plan.seed);
  const injector = new Injector({
    runId: recorder.id,
    journal: session.journal,
    nowMs: recorder.nowMs,
    seed: plan.seed,
    vimOf: (fault) => (fault.kind === 'load' ? { kind: 'load', faults: loads } : vimOfFault(session, fault)),
    expiresAfterMs: deadManMs,
    renewedAfterMs: lease.times.leaseMs + lease.times.heartbeatMs,
  });
  using _ = every(lease.times.heartbeatMs, () => injector.renew());
  const timeline = new Timeline(injector, plan.faults, signal);
  const run: Run = {
    session,
    timeline,
    plan,
    recorder,
    injector,
    signal,
    observation: new Observation(monitor, session, plan),
  };
  const baseline = await takeBaseline(run);
  if (baseline === undefined) return;
  const covered = await takeSnapshots(run, baseline);
  if (covered === undefined) return;
  const cover = journalCover(run, covered);
  try {
    await lease.guarded();
    const measured = await reactAndMeasure(run, covered, stop);
    const failed = await judgeAndRestore(run, measured);
    if (recorder.record.verdicts.restoration !== 'not-restored') session.journal.settle(cover);
    if (failed === undefined) recorder.skip('forensic', 'not needed: the service is as before');
    else await keepEvidence(run, failed);
  } catch (e) {
    if (lease.isLost || (e instanceof OrdealError && e.kind === 'lease-lost')) {
      await healWhatCameLate(run);
      throw e;
    }
    await giveBack(run, covered, cover, e);
  } finally {
    recorder.injections(injector.all);
    noteOutages(run);
    await loads[Symbol.asyncDispose]();
    if (loads.records.length > 0) recorder.record.loads = [...loads.records];
  }
}

/** A monitor that has failed cannot tell them, which the run has met before; the rest of the record does not suffer. */
function noteOutages({ injector, recorder, observation }: Run): void {
  const [first] = injector.all;
  if (first === undefined) return;
  try {
    recorder.record.outages = observation.outages(first.injectedMs);
  } catch (e) {
    if (!recorder.knows(e)) recorder.failed(e);
  }
}

/** Steps 4 to 6, under the eyes of the stop conditions. */
async function reactAndMeasure(run: Run, covered: Covered, stop: AbortController): Promise<Measured> {
  const { plan, observation, recorder, session } = run;
  const { probes } = session.service.descriptor;
  const rateHz = (id: string) => probes.find((p) => p.id === id)?.rateHz ?? 0;
  const crossed = (error: OrdealError, crossing: Crossing | undefined) => {
    recorder.stopped('stop-condition', crossing?.reason ?? error.what, crossing);
    stop.abort(error);
  };
  const context = { figures: figureRules(probes), baseline: covered.baseline.histories };
  using _ = new StopWatch(plan.stopConditions, observation.monitor, rateHz, crossed, context);
  return await measureAgain(run, await injectAndWait(run, covered));
}

/** Step 7. @returns the quarantined VNFCs when the service had to be restored */
function judgeAndRestore(run: Run, measured: Measured): Promise<readonly Quarantined[] | undefined> {
  const { recorder, observation } = run;
  return recorder.stage('judge', async () => {
    await healAll(run);
    const found = observation.compare(measured.baseline, measured.after);
    conclude(run, measured, found);
    const told = `service ${recorder.record.verdicts.service}`;
    if (found.outcome !== 'worse') return [undefined, told];
    const { quarantined, note } = await restore(run, measured);
    return [quarantined, `${told}; ${note}`];
  });
}

/** Never stops at the first failure, and ends the phase of the fault. */
async function healAll({ recorder, injector, timeline }: Run, options?: { atOnce: true }): Promise<void> {
  const failures = (await timeline.stop(options)).filter((e) => !recorder.knows(e));
  const phase = recorder.record.phases.find((p) => p.name === 'fault');
  const healed = injector.all.map((i) => i.healedMs ?? recorder.nowMs());
  if (phase !== undefined) phase.toMs = Math.max(phase.fromMs, ...healed);
  if (failures.length > 0) throw new ManyErrors('vim-failed', 'A fault could not be injected or healed', failures);
}

/**
 * Who took over has healed what was on. An injection that was under way when this process was stopped came on after that,
 * and nobody else knows of it.
 */
async function healWhatCameLate(run: Run): Promise<void> {
  try {
    await healAll(run, { atOnce: true });
  } catch (e) {
    run.recorder.failed(e);
  }
}

/** Whatever went wrong or whoever interrupted: heal, look, and restore when the service is not as before. */
async function giveBack(run: Run, covered: Covered, cover: number, cause: unknown): Promise<void> {
  const { recorder, session, injector } = run;
  recorder.failed(cause);
  try {
    await healAll(run, { atOnce: true });
  } catch (e) {
    recorder.failed(e);
  }
  recorder.healed(injector.all);
  recorder.verdict({ injection: injectionVerdict(injector) });
  if (injector.all.length === 0 || recorder.record.verdicts.restoration === 'restored') {
    session.journal.settle(cover);
    return;
  }
  try {
    const { service } = await lookAndRestore(run, covered);
    if (service !== 'not-restored') session.journal.settle(cover);
  } catch (e) {
    recorder.failed(e);
  }
}
