import type { Injector } from '../fault/injector.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import { sleep } from '../util/deadline.js';
import { Undo } from '../util/undo.js';
import { figures, ms, type Observation, type Window } from './observation.js';
import type { Plan } from './plan.js';
import type { Recorder } from './recorder.js';
import type { ServiceSession } from './session.js';
import { tellSnapshots } from './snapshot-notes.js';
import type { Timeline } from './timeline.js';

/** What a service is given back with: by the run itself, or by who recovers it. */
export interface Rescue {
  readonly session: ServiceSession;
  readonly plan: Pick<Plan, 'title' | 'area' | 'expectedRecoveryMs' | 'measureMs'>;
  readonly recorder: Recorder;
  readonly observation: Observation;
}

/** What the stages of one run share. */
export interface Run extends Rescue {
  readonly plan: Plan;
  readonly injector: Injector;
  readonly timeline: Timeline;
  readonly signal: AbortSignal | undefined;
}

// The stages are types, so that an illegal order does not compile: Baseline, Covered, Reacted, Measured.

/** A baseline that was found steady: nothing may be injected without one. */
export interface Baseline {
  readonly baseline: Window;
}

/** The area is snapshotted: from here on the service can be given back. */
export interface Covered extends Baseline {
  readonly snapshots: readonly VnfSnapshot[];
}

/** Durable before a fault may come; settled once the service is as before, or restored. */
export function journalCover({ session, plan, recorder }: Run, { baseline, snapshots }: Covered): number {
  const { fromMs, toMs } = baseline;
  return session.journal.intend(recorder.id, {
    type: 'covered',
    title: plan.title,
    area: plan.area.map((v) => v.id),
    vnfSnapshotIds: snapshots.map((s) => s.id),
    samplesFile: recorder.samplesFile,
    baseline: { fromMs, toMs },
    expectedRecoveryMs: plan.expectedRecoveryMs,
    measureMs: plan.measureMs,
    seed: plan.seed,
  });
}

export interface Reacted extends Covered {
  /** Milliseconds of the run's clock. */
  readonly injectedMs: number;
}

export interface Measured extends Reacted {
  readonly after: Window;
}

/** The monitor runs this long before the baseline counts: first connections are slower than the service is. */
const warmUpMs = 500;

/** Step 2 of clause 4.1.1.4. @returns undefined when the service is not steady: then nothing is injected */
export function takeBaseline({ recorder, plan, observation, signal }: Run): Promise<Baseline | undefined> {
  return recorder.stage('baseline', async () => {
    await sleep(warmUpMs, signal);
    const baseline = await observation.watch(plan.baselineMs, signal);
    recorder.phase('baseline', baseline.fromMs, baseline.toMs);
    const { steady, findings } = observation.steadiness(baseline);
    if (steady) return [{ baseline }, figures(baseline)];
    for (const f of findings) recorder.record.errors.push(`The baseline is not steady: ${f}`);
    return [undefined, `not steady, nothing is injected: ${findings.join('; ')}`];
  });
}

/**
 * Step 3. The journal knows which VNFCs may be frozen before one is.
 * @returns undefined when a VNFC has crashed meanwhile: what is left of it brings nothing back, so nothing is injected
 */
export function takeSnapshots(run: Run, before: Baseline): Promise<Covered | undefined> {
  const { recorder, plan, session, observation, signal } = run;
  return recorder.stage('snapshot', async () => {
    const fromMs = observation.nowMs();
    const frozen: number[] = [];
    await using undo = new Undo();
    for (const vnfc of plan.area.flatMap((v) => v.vnfcs)) {
      const vim = session.vimOf(vnfc);
      if (vim.pausing === undefined) continue;
      const resource = vnfc.resource ?? vnfc.id;
      const computeId = await session.locate(vnfc);
      if ((await vim.inspect(computeId)).powerState !== 'on') continue;
      const entry = session.journal.intend(recorder.id, { type: 'freeze', vim: vim.kind, resource, computeId });
      frozen.push(entry);
      undo.defer(`thaw ${vnfc.id}`, async () => {
        await vim.pausing?.resume(computeId);
        session.journal.settle(entry);
      });
    }
    const snapshots = await session.engine.createTogether(
      plan.cover.map((request) => ({
        ...request,
        name: `before ${plan.title}`,
        purpose: 'restore' as const,
        runId: recorder.id,
      })),
      signal,
    );
    undo.keep();
    for (const entry of frozen) session.journal.settle(entry);
    recorder.phase('snapshot', fromMs);
    const told = await tellSnapshots(run, snapshots, 'restore');
    const crashed = await crashedIn(session, snapshots);
    if (crashed.length === 0) return [{ ...before, snapshots }, told];
    const why = `${crashed.join(', ')} crashed after the baseline was measured`;
    recorder.record.errors.push(`The service is not steady: ${why}`);
    return [undefined, `not steady, nothing is injected: ${why}`];
  });
}

async function crashedIn(session: ServiceSession, snapshots: readonly VnfSnapshot[]): Promise<string[]> {
  const crashed: string[] = [];
  for (const { vnfcInstanceId, computeSnapshotResource } of snapshots.flatMap((s) => s.vnfcSnapshots)) {
    const id = computeSnapshotResource?.resourceId;
    if (id === undefined) continue;
    const { powerState } = await session.vimOf(session.vnfc(vnfcInstanceId)).snapshots.show(id);
    if (powerState === 'crashed') crashed.push(vnfcInstanceId);
  }
  return crashed;
}

/** Steps 4 and 5: inject, prove that it took effect, and let the service react until the expected time is over. */
export async function injectAndWait(run: Run, covered: Covered): Promise<Reacted> {
  const { recorder, plan, observation, injector, timeline, signal } = run;
  const injectedMs = await recorder.stage('inject', async () => {
    const first = await timeline.start();
    const doses = injector.all.map((i) => `${i.fault.kind}: ${i.dose}${i.reading ? `, ${i.reading.how}` : ''}`);
    recorder.phase('fault', first.injectedMs);
    return [first.injectedMs, doses.join('; ')];
  });
  await recorder.stage('react', async () => {
    const lastMs = injectedMs + Math.max(...plan.faults.map((f) => f.afterMs));
    await sleep(Math.max(0, lastMs + plan.expectedRecoveryMs - observation.nowMs()), signal);
    recorder.phase('reaction', injectedMs);
    const back = observation.recoveredMs(injectedMs);
    const took =
      back === null
        ? 'has not answered well since'
        : back === 0
          ? 'never stopped'
          : `answered well again after ${ms(back)}`;
    return [undefined, `the service ${took}; expected within ${ms(plan.expectedRecoveryMs)}`];
  });
  return { ...covered, injectedMs };
}

/** Step 6: the same information again. */
export function measureAgain({ recorder, plan, observation, signal }: Run, reacted: Reacted): Promise<Measured> {
  return recorder.stage('measure', async () => {
    const after = await observation.watch(plan.measureMs, signal);
    recorder.phase('measurement', after.fromMs, after.toMs);
    return [{ ...reacted, after }, figures(after)];
  });
}
