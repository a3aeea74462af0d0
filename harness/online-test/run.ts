import { Injector } from '../fault/injector.js';
import { type Judgement, judge, steadiness, summarise } from '../judge/judge.js';
import type { History } from '../model/probe.js';
import type { RunRecord } from '../model/run-record.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import { type Monitor, startMonitor } from '../monitor/monitor.js';
import { outages, timeToRecover } from '../monitor/outage-clock.js';
import { sleep } from '../util/deadline.js';
import { asError, ManyErrors, OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { captureEvidence } from './evidence.js';
import { type Plan, planOnlineTest, vimOfFault } from './plan.js';
import { Recorder } from './recorder.js';
import type { OnlineTestOptions, OnlineTestRequest } from './request.js';
import { proveRestored, type Quarantined, replaceFromSnapshots } from './restoration.js';
import type { ServiceSession } from './session.js';
import { Timeline } from './timeline.js';

/** A baseline that was found steady: nothing may be injected without one. */
interface Baseline {
  readonly histories: readonly History[];
}

/** The area is snapshotted: from here on the service can be given back. */
interface Protected extends Baseline {
  readonly snapshots: readonly VnfSnapshot[];
}

interface Reacted extends Protected {
  readonly injectedMs: number;
}

interface Measured extends Reacted {
  readonly after: readonly History[];
  readonly fromMs: number;
}

/** How long a VIM holds a fault after our last word on it, in milliseconds. */
const deadManMs = 60_000;
/** The monitor runs this long before the baseline counts: first connections are slower than the service is. */
const warmUpMs = 500;

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
    await new OnlineTest(session, plan, recorder, options.signal).run();
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

class OnlineTest {
  readonly #probes: readonly string[];
  readonly #tolerances;
  readonly #injector: Injector;
  #monitor: Monitor | undefined;
  #timeline: Timeline | undefined;

  constructor(
    readonly session: ServiceSession,
    readonly plan: Plan,
    readonly recorder: Recorder,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#probes = session.service.descriptor.probes.map((p) => p.id);
    this.#tolerances = session.service.descriptor.indicators;
    this.#injector = new Injector({
      runId: recorder.id,
      journal: session.journal,
      nowMs: recorder.nowMs,
      seed: plan.seed,
      vimOf: (fault) => vimOfFault(session, fault),
      expiresAfterMs: deadManMs,
    });
  }

  async run(): Promise<void> {
    const { recorder, plan, session } = this;
    await using monitor = await startMonitor({
      probes: session.service.descriptor.probes,
      resolve: await session.addresses(),
      originMs: recorder.originMs,
      samplesFile: recorder.samplesFile,
      seed: plan.seed,
    });
    this.#monitor = monitor;
    const baseline = await this.#baseline();
    if (baseline === undefined) return;
    const covered = await this.#snapshot(baseline);
    try {
      const measured = await this.#measure(await this.#injectAndWait(covered));
      const failed = await this.#judgeAndRestore(measured);
      if (failed === undefined) recorder.skip('forensic', 'not needed: the service is as before');
      else await this.#keepEvidence(failed);
    } catch (e) {
      await this.#giveBack(covered, e);
    } finally {
      recorder.injections(this.#injector.all);
    }
  }

  get #mon(): Monitor {
    if (this.#monitor === undefined) throw new OrdealError('internal', 'The monitor is not running');
    return this.#monitor;
  }

  #window = async (forMs: number): Promise<readonly [readonly History[], number, number]> => {
    const fromMs = this.#mon.nowMs();
    await sleep(forMs, this.signal);
    const toMs = fromMs + forMs;
    await this.#mon.settled(toMs);
    return [this.#probes.map((p) => this.#mon.history(p, fromMs, toMs)), fromMs, toMs];
  };

  /** Step 2. @returns undefined when the service is not steady: then nothing is injected */
  #baseline(): Promise<Baseline | undefined> {
    const { recorder, plan } = this;
    return recorder.stage('baseline', async () => {
      await sleep(warmUpMs, this.signal);
      const [histories, fromMs, toMs] = await this.#window(plan.baselineMs);
      recorder.phase('baseline', fromMs, toMs);
      const { steady, findings } = steadiness(histories, { tolerances: this.#tolerances, seed: plan.seed });
      if (!steady) {
        for (const f of findings) recorder.record.errors.push(`The baseline is not steady: ${f}`);
        return [undefined, `not steady, nothing is injected: ${findings.join('; ')}`];
      }
      return [{ histories }, figures(histories)];
    });
  }

  /** Step 3. The journal knows which VNFCs may be frozen before one is. */
  #snapshot(baseline: Baseline): Promise<Protected> {
    const { recorder, plan, session } = this;
    return recorder.stage('snapshot', async () => {
      const fromMs = this.#mon.nowMs();
      const frozen: number[] = [];
      await using undo = new Undo();
      for (const vnfc of plan.area.flatMap((v) => v.vnfcs)) {
        const vim = session.vimOf(vnfc);
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
        plan.area.map((vnf) => ({
          vnf: vnf.id,
          name: `before ${plan.title}`,
          purpose: 'restore' as const,
          runId: recorder.id,
          ...(plan.snapshotType === undefined ? {} : { type: plan.snapshotType }),
        })),
        this.signal,
      );
      undo.keep();
      for (const entry of frozen) session.journal.settle(entry);
      recorder.phase('snapshot', fromMs);
      const told = await this.#tell(snapshots, 'restore');
      return [{ ...baseline, snapshots }, told];
    });
  }

  /** Steps 4 and 5: inject, prove that it took effect, and let the service react until the expected time is over. */
  async #injectAndWait(covered: Protected): Promise<Reacted> {
    const { recorder, plan } = this;
    const injectedMs = await recorder.stage('inject', async () => {
      const fromMs = this.#mon.nowMs();
      this.#timeline = new Timeline(this.#injector, plan.faults, this.signal);
      const first = await this.#timeline.firstVerified;
      const doses = this.#injector.all.map((i) => `${i.fault.kind}: ${i.dose}${i.reading ? `, ${i.reading.how}` : ''}`);
      recorder.phase('fault', first.injectedMs);
      return [Math.max(fromMs, first.injectedMs), doses.join('; ')];
    });
    await recorder.stage('react', async () => {
      const left = injectedMs + plan.expectedRecoveryMs - this.#mon.nowMs();
      await sleep(Math.max(0, left), this.signal);
      const until = this.#mon.nowMs();
      const back = this.#recoveredMs(injectedMs, until);
      recorder.phase('reaction', injectedMs, until);
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

  /** Step 6. */
  #measure(reacted: Reacted): Promise<Measured> {
    return this.recorder.stage('measure', async () => {
      const [after, fromMs, toMs] = await this.#window(this.plan.measureMs);
      this.recorder.phase('measurement', fromMs, toMs);
      return [{ ...reacted, after, fromMs }, figures(after)];
    });
  }

  /** Step 7. @returns the quarantined VNFCs when the service had to be restored */
  #judgeAndRestore(measured: Measured): Promise<readonly Quarantined[] | undefined> {
    const { recorder, plan } = this;
    return recorder.stage('judge', async () => {
      await this.#healAll();
      const found = judge(measured.histories, measured.after, { tolerances: this.#tolerances, seed: plan.seed });
      this.#conclude(measured, found);
      if (found.outcome !== 'worse') return [undefined, `service ${recorder.record.verdicts.service}`];
      recorder.verdict({ restoration: 'not-restored', evidence: 'incomplete' });
      const { quarantined, note } = await this.#restore(measured);
      return [quarantined, `service ${recorder.record.verdicts.service}; ${note}`];
    });
  }

  /** Never stops at the first failure, and closes the phase of the fault. */
  async #healAll(): Promise<void> {
    const late = (await this.#timeline?.stop()) ?? [];
    const failures = [...late.map(asError), ...(await this.#injector.healAll())];
    const phase = this.recorder.record.phases.find((p) => p.name === 'fault');
    const healed = this.#injector.all.map((i) => i.healedMs ?? this.#mon.nowMs());
    if (phase !== undefined) phase.toMs = Math.max(phase.fromMs, ...healed);
    if (failures.length > 0) throw new ManyErrors('vim-failed', 'A fault could not be injected or healed', failures);
  }

  #conclude(measured: Measured, found: Judgement): void {
    const { recorder, plan } = this;
    recorder.record.indicators = [...found.indicators];
    const lost = found.indicators.some(
      (i) => i.outcome === 'worse' && ['errorRatio', 'availability'].includes(i.indicator),
    );
    const service =
      found.outcome === 'worse'
        ? lost
          ? 'failed'
          : 'degraded'
        : found.outcome === 'inconclusive'
          ? 'inconclusive'
          : 'recovered';
    recorder.verdict({ service, injection: this.#injectionVerdict() });
    const until = this.#mon.nowMs();
    const back = this.#recoveredMs(measured.injectedMs, until);
    recorder.record.timeToRecoverMs = service === 'recovered' ? back : null;
    recorder.record.recovery =
      service === 'inconclusive'
        ? 'cannot-tell'
        : service !== 'recovered' || back === null
          ? 'beyond'
          : back <= plan.expectedRecoveryMs
            ? 'within'
            : 'beyond';
    recorder.record.outages = this.#probes.flatMap((p) =>
      outages(this.#mon.history(p, measured.injectedMs - 1000, until)),
    );
  }

  #injectionVerdict() {
    const doses = this.#injector.all.map((i) => i.dose);
    return doses.length === 0 || doses.includes('not-injected')
      ? 'not-injected'
      : doses.includes('no-effect')
        ? 'no-effect'
        : doses.includes('wrong-dose')
          ? 'wrong-dose'
          : 'confirmed';
  }

  /** Service first: new VNFCs from the snapshots, and proof that the service is back. */
  async #restore(covered: Protected): Promise<{ quarantined: readonly Quarantined[]; note: string }> {
    const { recorder, plan, session } = this;
    const fromMs = this.#mon.nowMs();
    const quarantined = await replaceFromSnapshots(session, recorder, plan.area, covered.snapshots);
    const switchedMs = this.#mon.nowMs();
    recorder.note(`switched over to ${quarantined.length} new VNFCs after ${ms(switchedMs - fromMs)}`);
    const proof = await proveRestored(this.#mon, this.#probes, covered.histories, {
      fromMs: switchedMs,
      withinMs: plan.expectedRecoveryMs + 2 * plan.measureMs + 5000,
      measureMs: plan.measureMs,
      seed: plan.seed,
      tolerances: this.#tolerances,
    });
    recorder.phase('restoration', fromMs);
    recorder.verdict({ restoration: proof.restored ? 'restored' : 'not-restored' });
    const took = ms(switchedMs - fromMs + (proof.backMs ?? 0));
    return { quarantined, note: proof.restored ? `restored ${took} after the verdict` : 'NOT restored' };
  }

  /** Step 8. */
  #keepEvidence(quarantined: readonly Quarantined[]): Promise<void> {
    const { recorder, plan, session } = this;
    return recorder.stage('forensic', async () => {
      const evidence = await captureEvidence(session, recorder, plan.area, quarantined);
      recorder.verdict({ evidence: evidence.exported ? 'exported' : 'incomplete' });
      const told = await this.#tell(evidence.snapshots, 'forensic');
      const files = recorder.record.packages.map((p) => p.file).join(', ');
      return [undefined, evidence.exported ? `${told}; exported to ${files}` : 'incomplete'];
    });
  }

  /** Whatever went wrong or whoever interrupted: heal, look, and restore when the service is not as before. */
  async #giveBack(covered: Protected, cause: unknown): Promise<void> {
    const { recorder, plan } = this;
    recorder.failed(cause);
    try {
      await this.#healAll();
    } catch (e) {
      recorder.failed(e);
    }
    recorder.verdict({ injection: this.#injectionVerdict() });
    if (this.#injector.all.length === 0 || recorder.record.verdicts.restoration === 'restored') return;
    try {
      await sleep(plan.expectedRecoveryMs);
      const fromMs = this.#mon.nowMs();
      const toMs = fromMs + Math.min(2000, plan.measureMs);
      await sleep(toMs - fromMs);
      await this.#mon.settled(toMs);
      const after = this.#probes.map((p) => this.#mon.history(p, fromMs, toMs));
      if (judge(covered.histories, after, { tolerances: this.#tolerances, seed: plan.seed }).outcome !== 'worse')
        return;
      recorder.note('the service is not as before: restoring');
      recorder.verdict({ service: 'failed', restoration: 'not-restored', evidence: 'incomplete' });
      const { quarantined } = await this.#restore(covered);
      await this.#keepEvidence(quarantined);
    } catch (e) {
      recorder.failed(asError(e));
    }
  }

  /** From the injection to good service of every probe, in ms; null when one has not come back. */
  #recoveredMs(injectedMs: number, untilMs: number): number | null {
    const back = this.#probes.map((p) => timeToRecover(this.#mon.history(p, injectedMs, untilMs), injectedMs));
    return back.some((b) => b === null)
      ? null
      : Math.max(...back.map((b) => (b?.recoveredMs ?? injectedMs) - injectedMs));
  }

  async #tell(snapshots: readonly VnfSnapshot[], purpose: 'restore' | 'forensic'): Promise<string> {
    const told: string[] = [];
    for (const snapshot of snapshots) {
      const vnfcs = [];
      for (const info of snapshot.vnfcSnapshots) {
        const vnfc = this.session.vnfc(info.vnfcInstanceId);
        const of = info.computeSnapshotResource?.resourceId;
        if (of === undefined) continue;
        const { type, bytesStored, pausedMs } = await this.session.vimOf(vnfc).snapshots.show(of);
        vnfcs.push({ id: vnfc.id, type, bytes: bytesStored, pausedMs });
      }
      const { cut } = snapshot.userDefinedData;
      this.recorder.record.snapshots.push({
        id: snapshot.id,
        vnf: snapshot.vnfInstanceId,
        purpose,
        vnfcs,
        ...(cut === undefined ? {} : { skewMs: cut.skewMs }),
      });
      const bytes = vnfcs.reduce((sum, v) => sum + v.bytes, 0);
      told.push(
        `${snapshot.vnfInstanceId}: ${vnfcs.length} ${vnfcs[0]?.type ?? ''} VNFC Snapshots, ${(bytes / 2 ** 20).toFixed(1)} MiB${cut?.consistent ? `, paused ${ms(cut.pausedMs)}, skew ${ms(cut.skewMs)}` : ''}`,
      );
    }
    return told.join('; ');
  }
}

const ms = (n: number): string =>
  n >= 1000 ? `${(n / 1000).toFixed(1)} s` : `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`;

const figures = (histories: readonly History[]): string =>
  histories
    .map((h) => {
      const s = summarise(h);
      return `${h.probe}: ${s.requestRate.toFixed(1)}/s, ${(100 * s.errorRatio).toFixed(1)} % errors, p50 ${s.latencyP50.toFixed(1)} ms, p99 ${s.latencyP99.toFixed(1)} ms`;
    })
    .join('; ');
