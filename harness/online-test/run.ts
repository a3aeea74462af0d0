import { createReadStream } from 'node:fs';
import { Injector } from '../fault/injector.js';
import type { RunRecord } from '../model/run-record.js';
import { startMonitor } from '../monitor/monitor.js';
import { asError, ManyErrors } from '../util/errors.js';
import { conclude, injectionVerdict } from './conclusion.js';
import { captureEvidence, type Quarantined, textArtifact } from './evidence.js';
import { Observation } from './observation.js';
import { type Plan, planOnlineTest, vimOfFault } from './plan.js';
import { Recorder } from './recorder.js';
import type { OnlineTestOptions, OnlineTestRequest } from './request.js';
import { restore } from './restoration.js';
import type { ServiceSession } from './session.js';
import { tellSnapshots } from './snapshot-notes.js';
import {
  type Covered,
  injectAndWait,
  type Measured,
  measureAgain,
  type Run,
  takeBaseline,
  takeSnapshots,
} from './stages.js';
import { Timeline } from './timeline.js';

/** How long a VIM holds a fault after our last word on it, in milliseconds. */
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
  const recorder = new Recorder(request, session.service.descriptor.id, plan, options);
  const { journal, service } = session;
  journal.begin({
    id: recorder.id,
    serviceFile: service.file,
    serviceId: service.descriptor.id,
    outFolder: recorder.folder,
    pid: process.pid,
    startedAt: recorder.record.startedAt,
  });
  const heart = setInterval(() => journal.heartbeat(recorder.id), 1000);
  const traceFrom = session.trace.length;
  try {
    await recorder.start();
    await recorder.stage('plan', async () => [
      undefined,
      `${plan.area.map((v) => v.id).join(', ')}; planned in ${Math.round(performance.now() - planFromMs)} ms`,
    ]);
    await loop(session, plan, recorder, options.signal);
  } catch (e) {
    recorder.failed(e);
  } finally {
    clearInterval(heart);
  }
  if (journal.open(recorder.id).length === 0) journal.close(recorder.id);
  else recorder.note('Something is left open: see `ordeal status`; `ordeal recover` finishes it.');
  recorder.trace(session.trace.slice(traceFrom));
  return recorder.finish();
}

async function loop(session: ServiceSession, plan: Plan, recorder: Recorder, signal?: AbortSignal): Promise<void> {
  await using monitor = await startMonitor({
    probes: session.service.descriptor.probes,
    resolve: await session.addresses(),
    originMs: recorder.originMs,
    samplesFile: recorder.samplesFile,
    seed: plan.seed,
  });
  const injector = new Injector({
    runId: recorder.id,
    journal: session.journal,
    nowMs: recorder.nowMs,
    seed: plan.seed,
    vimOf: (fault) => vimOfFault(session, fault),
    expiresAfterMs: deadManMs,
  });
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
  try {
    const measured = await measureAgain(run, await injectAndWait(run, covered));
    const failed = await judgeAndRestore(run, measured);
    if (failed === undefined) recorder.skip('forensic', 'not needed: the service is as before');
    else await keepEvidence(run, failed);
  } catch (e) {
    await giveBack(run, covered, e);
  } finally {
    recorder.injections(injector.all);
  }
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
async function healAll({ recorder, injector, timeline }: Run): Promise<void> {
  const late = await timeline.stop();
  const failures = [...late.map(asError), ...(await injector.healAll())];
  const phase = recorder.record.phases.find((p) => p.name === 'fault');
  const healed = injector.all.map((i) => i.healedMs ?? recorder.nowMs());
  if (phase !== undefined) phase.toMs = Math.max(phase.fromMs, ...healed);
  if (failures.length > 0) throw new ManyErrors('vim-failed', 'A fault could not be injected or healed', failures);
}

/** Step 8. */
function keepEvidence(run: Run, quarantined: readonly Quarantined[]): Promise<void> {
  const { recorder, plan, session } = run;
  return recorder.stage('forensic', async () => {
    const { snapshots, packages, failures } = await captureEvidence(session, {
      runId: recorder.id,
      title: plan.title,
      folder: recorder.folder,
      quarantined,
      artifacts: [
        textArtifact('artifacts/run.json', `${JSON.stringify(recorder.record, null, 2)}\n`),
        { path: 'artifacts/samples.jsonl', open: () => createReadStream(recorder.samplesFile) },
      ],
    });
    for (const f of failures) recorder.failed(f);
    const exported = failures.length === 0 && packages.length > 0;
    recorder.verdict({ evidence: exported ? 'exported' : 'incomplete' });
    recorder.record.packages.push(...packages);
    const told = await tellSnapshots(run, snapshots, 'forensic');
    return [undefined, exported ? `${told}; exported to ${packages.map((p) => p.file).join(', ')}` : 'incomplete'];
  });
}

/** Whatever went wrong or whoever interrupted: heal, look, and restore when the service is not as before. */
async function giveBack(run: Run, covered: Covered, cause: unknown): Promise<void> {
  const { recorder, plan, observation, injector } = run;
  recorder.failed(cause);
  try {
    await healAll(run);
  } catch (e) {
    recorder.failed(e);
  }
  recorder.verdict({ injection: injectionVerdict(injector) });
  if (injector.all.length === 0 || recorder.record.verdicts.restoration === 'restored') return;
  try {
    recorder.note('healed; looking whether the service is as before');
    await observation.watch(plan.expectedRecoveryMs);
    const after = await observation.watch(Math.min(2000, plan.measureMs));
    if (observation.compare(covered.baseline, after).outcome !== 'worse') return;
    recorder.note('the service is not as before: restoring');
    recorder.verdict({ service: 'failed' });
    const { quarantined } = await restore(run, covered);
    await keepEvidence(run, quarantined);
  } catch (e) {
    recorder.failed(e);
  }
}
