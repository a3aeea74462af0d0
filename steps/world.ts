import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type ITestCaseHookParameter, setWorldConstructor, World } from '@cucumber/cucumber';
import { exitCodeOfError } from '../harness/model/exit-codes.js';
import type { AskedLoadInput } from '../harness/model/load.js';
import type { RunRecord } from '../harness/model/run-record.js';
import type { SnapshotType } from '../harness/model/snapshot-descriptor.js';
import type { StopConditionRequest } from '../harness/model/stop-condition.js';
import { labelFrom } from '../harness/online-test/history.js';
import { planOnlineTest } from '../harness/online-test/plan.js';
import { unconfirmed, whatIsUnproven } from '../harness/online-test/proof.js';
import type { EndedRun } from '../harness/online-test/quality.js';
import type { Composed } from '../harness/online-test/request.js';
import { runOnlineTest } from '../harness/online-test/run.js';
import { readService, ServiceSession } from '../harness/online-test/session.js';
import { OrdealError } from '../harness/util/errors.js';
import { packageRoot } from '../harness/util/package-root.js';
import { endEarly, settings, throwIfEnded } from './settings.js';

/**
 * One scenario. The Given and When steps only say what is wanted; the last When step runs the whole online test, so
 * that it is planned as a whole before anything is touched, and restored whatever the Then steps find.
 */
export class OrdealWorld extends World {
  baselineMs?: number;
  expectedRecoveryMs?: number;
  seed?: number;
  snapshotType?: SnapshotType;
  allowBlastRadius = false;
  load?: AskedLoadInput;
  readonly stopConditions: StopConditionRequest[] = [];
  readonly around: string[] = [];
  readonly faults: Composed[] = [];

  #scenario: ITestCaseHookParameter | undefined;
  #actionsLeft = 0;
  #session: ServiceSession | undefined;
  #record: RunRecord | undefined;

  begin(scenario: ITestCaseHookParameter): void {
    this.#scenario = scenario;
    this.#actionsLeft = scenario.pickle.steps.filter((s) => s.type === 'Action').length;
  }

  get title(): string {
    return this.#scenario?.pickle.name ?? 'online test';
  }

  /** @param name of a sample service, or a descriptor file relative to the feature or to the current folder */
  async openService(name: string, { start }: { start: boolean }): Promise<void> {
    throwIfEnded();
    const wanted = settings().services.get(name) ?? name;
    const feature = this.#scenario?.gherkinDocument.uri;
    const candidates = [
      ...(feature === undefined ? [] : [resolve(dirname(feature), wanted)]),
      resolve(wanted),
      join(packageRoot, 'scenarios', wanted, 'service.yaml'),
    ];
    const file = candidates.find((f) => /\.ya?ml$/.test(f) && existsSync(f));
    if (file === undefined) {
      throw new OrdealError('file-missing', `There is no network service "${wanted}"`, {
        where: feature ?? this.title,
        expected: `a sample service, or one of the files ${candidates.join(', ')}`,
        remedy: 'See `ordeal services`.',
      });
    }
    this.#session = await ServiceSession.open(await readService(file), { stateFolder: settings().stateFolder });
    if (start && !settings().planOnly) await this.#session.start(settings().signal);
  }

  /** A file that the feature names: relative to the feature. */
  beside(file: string): string {
    const feature = this.#scenario?.gherkinDocument.uri;
    return feature === undefined ? resolve(file) : resolve(dirname(feature), file);
  }

  get session(): ServiceSession {
    if (this.#session !== undefined) return this.#session;
    throw new OrdealError('scenario-invalid', `Scenario "${this.title}" names no network service`, {
      expected: 'a step such as: Given the network service "session-gateway" is running',
    });
  }

  /** Called at the end of every When step. @returns `skipped` when only a plan is wanted */
  async act(fault: Composed): Promise<'skipped' | undefined> {
    this.faults.push(fault);
    this.#actionsLeft -= 1;
    if (this.#actionsLeft > 0) return undefined;
    const { outFolder, listeners, signal, planOnly, planned } = settings();
    const request = {
      title: this.title,
      front: 'gherkin' as const,
      faults: this.faults,
      around: this.around,
      allowBlastRadius: this.allowBlastRadius,
      ...(this.baselineMs === undefined ? {} : { baselineMs: this.baselineMs }),
      ...(this.expectedRecoveryMs === undefined ? {} : { expectedRecoveryMs: this.expectedRecoveryMs }),
      ...(this.snapshotType === undefined ? {} : { snapshotType: this.snapshotType }),
      ...(this.seed === undefined ? {} : { seed: this.seed }),
      ...(this.load === undefined ? {} : { load: this.load }),
      ...(this.stopConditions.length === 0 ? {} : { stopConditions: this.stopConditions }),
    };
    if (planOnly) {
      planned(await planOnlineTest(this.session, request));
      return 'skipped';
    }
    this.#record = await runOnlineTest(this.session, request, {
      outFolder,
      listeners,
      signal,
      label: labelFrom(process.env),
    });
    settings().ran(this.#record);
    refuseWhatProvesNothing(this.#record);
    return undefined;
  }

  get record(): RunRecord {
    if (this.#record !== undefined) return this.#record;
    throw new OrdealError('scenario-invalid', `Scenario "${this.title}" injects nothing before its first Then`, {
      expected: 'a When step',
    });
  }

  get run(): EndedRun {
    return { session: this.session, record: this.record, folder: join(settings().outFolder, this.record.id) };
  }

  async end(): Promise<void> {
    await this.#session?.[Symbol.asyncDispose]();
  }
}

/** Whatever the Then steps find: a fault without its dose, a run that was stopped or that failed, is never a pass. */
function refuseWhatProvesNothing(record: RunRecord): void {
  const { stopped } = record;
  if (stopped?.cause === 'stop-request') endEarly(stopped.reason);
  const expected = whatIsUnproven(record);
  if (expected !== undefined) throw new VerdictError(record, expected);
}

/** The verdict is not the one that a step asks for; the exit code is the run's own. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError';
  readonly exitCode: number;
  constructor(
    readonly record: RunRecord,
    expected: string,
    /** What the step found, where the run itself ended well. */
    found?: 'worse' | 'inconclusive',
  ) {
    const { verdicts, errors, indicators } = record;
    const worse = indicators.filter((i) => i.outcome === 'worse').map((i) => `${i.probe} ${i.indicator}: ${i.reason}`);
    super(
      `expected: ${expected}; got: service ${verdicts.service}, injection ${verdicts.injection}, restoration ${verdicts.restoration}, evidence ${verdicts.evidence}` +
        [...errors, ...unconfirmed(record), ...worse].map((line) => `\n  ${line}`).join(''),
    );
    // What a step found tells more than that the run itself ended well, or could not tell.
    const own = found === undefined ? 1 : exitCodeOfError(found);
    this.exitCode =
      record.exitCode === 0 || record.exitCode === exitCodeOfError('inconclusive') ? own : record.exitCode;
  }
}

setWorldConstructor(OrdealWorld);
