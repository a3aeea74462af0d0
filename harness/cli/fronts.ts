import type { ToldComparison } from '../judge/measurement-comparison.js';
import type { ToldHistory } from '../judge/past-runs.js';
import type { Capability } from '../model/capability.js';
import type { RunListener } from '../model/run-listener.js';
import type { RunRecord } from '../model/run-record.js';
import type { Plan } from '../online-test/plan.js';

/**
 * What stands above the CLI in the house and is handed to it by bin/ordeal.js: the Gherkin front (steps/) and the
 * reports (reports/). Both are loaded only by the commands that need them.
 */
export interface Fronts {
  readonly gherkin: () => Promise<GherkinFront>;
  readonly reports: () => Promise<ReportsFront>;
}

export interface GherkinFront {
  runGherkin(options: GherkinOptions): Promise<GherkinOutcome>;
}

export interface GherkinOptions {
  readonly cwd: string;
  readonly paths: readonly string[];
  readonly tags?: string;
  readonly name?: readonly string[];
  /** Descriptor files by the service's name in the features: the same features on another deployment. */
  readonly services: ReadonlyMap<string, string>;
  readonly stateFolder: string;
  readonly outFolder: string;
  readonly planOnly: boolean;
  readonly listeners: readonly RunListener[];
  readonly signal: AbortSignal;
  /** A line for a person: scenario and steps with their result. */
  readonly say: (line: string) => void;
  readonly ran: (record: RunRecord) => void;
  readonly planned: (plan: Plan) => void;
}

export interface GherkinOutcome {
  readonly scenarios: readonly {
    readonly name: string;
    readonly feature: string;
    readonly status: 'passed' | 'failed' | 'skipped';
    readonly message?: string;
  }[];
  /** What the failing steps threw, in order. */
  readonly errors: readonly unknown[];
}

export interface ReportsFront {
  historyText(histories: readonly ToldHistory[]): string;
  comparisonText(comparison: ToldComparison): string;
  /** @returns SVG */
  comparisonPlot(comparison: ToldComparison): string;
  terminalProgress(stream: NodeJS.WriteStream, options: { tty?: boolean; colour?: boolean }): RunListener;
  summaryText(record: RunRecord, options?: { colour?: boolean; width?: number }): string;
  writeReports(runFolder: string): Promise<unknown>;
  writeCollection(outFolder: string, runs: readonly RunRecord[]): Promise<unknown>;
  writeAllureResults(runFolder: string, record: RunRecord, resultsFolder: string): Promise<void>;
  renderAllure(outFolder: string): Promise<string>;
  conformanceText(options: {
    proofFolder: string;
    json: boolean;
    width: number;
    /** What the VIMs here say of themselves. */
    capabilities: Readonly<Record<string, Readonly<Record<string, Capability>>>>;
  }): Promise<string>;
}
