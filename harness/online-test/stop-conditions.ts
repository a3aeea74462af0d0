import { execFile } from 'node:child_process';
import { type FigureRule, figureOf, summarise } from '../judge/judge.js';
import type { History, Sample } from '../model/probe.js';
import type { CommandStopCondition, ProbeStopCondition, StopCondition } from '../model/stop-condition.js';
import type { Monitor } from '../monitor/monitor.js';
import { asError, OrdealError } from '../util/errors.js';

/** A stop condition that was crossed for as long as its hold time. */
export interface Crossing {
  readonly condition: StopCondition;
  readonly figure: number;
  readonly threshold: number;
  /** Milliseconds of the run's clock at which it had been crossed long enough. */
  readonly atMs: number;
  /** One sentence without a full stop. */
  readonly reason: string;
}

/** Fewer samples than this in the window say nothing: one lost request is not an error ratio of 1. */
const fewest = 3;
/** How often the conditions are looked at, in milliseconds, beside each batch of samples. */
const lookMs = 50;

/** Holds for `holdMs` without a break, on any clock. Pure. */
class Hold {
  #sinceMs: number | undefined;

  constructor(readonly holdMs: number) {}

  crossed(isCrossed: boolean, nowMs: number): boolean {
    if (!isCrossed) this.#sinceMs = undefined;
    else this.#sinceMs ??= nowMs;
    return this.#sinceMs !== undefined && nowMs - this.#sinceMs >= this.holdMs;
  }
}

/** What a condition looks at, as a person reads it, and its figure in a window; null where there is none. */
interface Watched {
  readonly name: string;
  readonly unit: string;
  of(history: History): number | null;
}

/** @throws OrdealError of kind unknown-target when the probe reads no such figure */
export function watched({ probe, indicator, figure }: ProbeStopCondition, figures: readonly FigureRule[]): Watched {
  if (indicator !== undefined) {
    const unit = indicator.startsWith('latency') ? ' ms' : '';
    return { name: indicator, unit, of: (history) => summarise(history)[indicator] };
  }
  const own = figures.filter((f) => f.probe === probe);
  const rule = own.find((f) => f.id === figure);
  if (rule !== undefined) {
    return { name: rule.id, unit: rule.unit === '' ? '' : ` ${rule.unit}`, of: (history) => figureOf(history, rule) };
  }
  throw new OrdealError('unknown-target', `A stop condition names the figure "${figure}" of the probe "${probe}"`, {
    expected: own.length === 0 ? 'a probe that reads figures' : `one of ${own.map((f) => f.id).join(', ')}`,
    remedy: 'Nothing was touched.',
  });
}

const short = (n: number): string => String(Number(n.toPrecision(3)));

/** What a condition may need beside the samples that come. */
export interface WatchContext {
  readonly figures?: readonly FigureRule[];
  /** What every probe saw before the fault. */
  readonly baseline?: readonly History[];
}

const multiple = ({ above, below }: ProbeStopCondition): string => `, ${above ?? below} times the baseline`;

/** One condition on one probe, over the samples that ended within its window. Pure. */
export class ProbeWatch {
  #samples: Sample[] = [];
  readonly #hold: Hold;
  readonly #watched: Watched;
  readonly #threshold: number;

  /**
   * @param rateHz of the probe
   * @throws OrdealError of kind inconclusive when the condition is one of the baseline, and that has no such figure
   */
  constructor(
    readonly condition: ProbeStopCondition,
    readonly rateHz: number,
    { figures = [], baseline = [] }: WatchContext = {},
  ) {
    this.#hold = new Hold(condition.holdMs);
    this.#watched = watched(condition, figures);
    const asked = condition.above ?? condition.below ?? Number.NaN;
    this.#threshold = condition.of === undefined ? asked : asked * this.#before(baseline);
  }

  #before(baseline: readonly History[]): number {
    const { probe } = this.condition;
    const history = baseline.find((h) => h.probe === probe);
    const figure = history === undefined ? null : this.#watched.of(history);
    if (figure !== null) return figure;
    throw new OrdealError('inconclusive', `The baseline has no ${this.#watched.name} of the probe "${probe}"`, {
      where: 'a stop condition of the baseline',
      remedy: 'Measure longer, or name an absolute figure. Nothing was injected.',
    });
  }

  add(sample: Sample): void {
    if (sample.probe === this.condition.probe) this.#samples.push(sample);
  }

  look(nowMs: number): Crossing | undefined {
    const { condition, rateHz } = this;
    const { probe, above, below, windowMs, holdMs } = condition;
    const { name, unit } = this.#watched;
    const threshold = this.#threshold;
    const fromMs = nowMs - windowMs;
    this.#samples = this.#samples.filter((s) => s.doneMs >= fromMs);
    const samples = [...this.#samples].sort((a, b) => a.intendedMs - b.intendedMs);
    const known = samples.length >= fewest;
    const figure = known ? this.#watched.of({ probe, rateHz, fromMs, toMs: nowMs, samples }) : null;
    const isCrossed =
      figure !== null && ((above !== undefined && figure > threshold) || (below !== undefined && figure < threshold));
    if (!this.#hold.crossed(isCrossed, nowMs) || figure === null) return undefined;
    const side = above === undefined ? 'below' : 'above';
    const held = holdMs === 0 ? '' : `, for ${holdMs} ms`;
    const limit =
      condition.of === undefined ? `${threshold}${unit}` : `${short(threshold)}${unit}${multiple(condition)}`;
    const reason = `${name} of probe "${probe}" was ${short(figure)}${unit} over ${windowMs} ms, ${side} ${limit}${held}`;
    return { condition, figure, threshold, atMs: nowMs, reason };
  }
}

/** Why a command did not end as expected: its exit code, or that it did not end. */
export type CommandEnd = { readonly exitCode: number } | { readonly problem: string };

/** One condition on a command; what cannot be checked counts as crossed. Pure. */
export class CommandWatch {
  readonly #hold: Hold;

  constructor(readonly condition: CommandStopCondition) {
    this.#hold = new Hold(condition.holdMs);
  }

  ended(end: CommandEnd, nowMs: number): Crossing | undefined {
    const { condition } = this;
    const exitCode = 'exitCode' in end ? end.exitCode : undefined;
    if (!this.#hold.crossed(exitCode !== condition.expectExitCode, nowMs)) return undefined;
    const how = 'problem' in end ? end.problem : `ended with ${exitCode}, expected ${condition.expectExitCode}`;
    return {
      condition,
      figure: exitCode ?? -1,
      threshold: condition.expectExitCode,
      atMs: nowMs,
      reason: `the command "${condition.command.join(' ')}" ${how}`,
    };
  }
}

/** @returns its end; never throws */
function runCommand({ command, timeoutMs }: CommandStopCondition, signal: AbortSignal): Promise<CommandEnd> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL', signal }, (error) => {
      if (error === null) resolve({ exitCode: 0 });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code });
      else if (error.killed === true) resolve({ problem: `did not end within ${timeoutMs} ms` });
      else resolve({ problem: `could not be run: ${asError(error).message}` });
    });
  });
}

/**
 * Watches the conditions until it is disposed. Says the first that is crossed, once. A monitor that has failed sees
 * nothing, so that counts as crossed too.
 */
export class StopWatch implements Disposable {
  readonly #probes: readonly ProbeWatch[];
  readonly #ended = new AbortController();

  constructor(
    conditions: readonly StopCondition[],
    readonly monitor: Pick<Monitor, 'nowMs' | 'onSample' | 'history'>,
    rateHz: (probe: string) => number,
    readonly crossed: (error: OrdealError, crossing: Crossing | undefined) => void,
    context: WatchContext = {},
  ) {
    this.#probes = conditions.flatMap((c) => (c.kind === 'probe' ? [new ProbeWatch(c, rateHz(c.probe), context)] : []));
    if (this.#probes.length > 0) this.#watchProbes();
    for (const c of conditions) if (c.kind === 'command') this.#watchCommand(c);
  }

  #watchProbes(): void {
    const stopListening = this.monitor.onSample((sample) => {
      for (const p of this.#probes) p.add(sample);
    });
    const [{ probe }] = this.#probes.map((p) => p.condition) as [ProbeStopCondition];
    const timer = setInterval(() => {
      const nowMs = this.monitor.nowMs();
      try {
        this.monitor.history(probe, nowMs, nowMs);
      } catch (e) {
        this.#tell(new OrdealError('stopped', 'The stop conditions can no longer be watched', { cause: e }), undefined);
        return;
      }
      for (const p of this.#probes) this.#cross(p.look(nowMs));
    }, lookMs);
    this.#ended.signal.addEventListener('abort', () => {
      clearInterval(timer);
      stopListening();
    });
  }

  #watchCommand(condition: CommandStopCondition): void {
    const watch = new CommandWatch(condition);
    const { signal } = this.#ended;
    let timer: NodeJS.Timeout | undefined;
    signal.addEventListener('abort', () => clearTimeout(timer));
    const check = async () => {
      const fromMs = this.monitor.nowMs();
      const end = await runCommand(condition, signal);
      if (signal.aborted) return;
      this.#cross(watch.ended(end, this.monitor.nowMs()));
      if (!signal.aborted) timer = setTimeout(check, Math.max(0, fromMs + condition.everyMs - this.monitor.nowMs()));
    };
    void check();
  }

  #cross(crossing: Crossing | undefined): void {
    if (crossing === undefined) return;
    const error = new OrdealError('stopped', `A stop condition was crossed: ${crossing.reason}`, {
      remedy: 'The fault was healed at once, and the service was given back.',
    });
    this.#tell(error, crossing);
  }

  #tell(error: OrdealError, crossing: Crossing | undefined): void {
    if (this.#ended.signal.aborted) return;
    this[Symbol.dispose]();
    this.crossed(error, crossing);
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }
}
