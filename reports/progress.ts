import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import type { RunInfo, RunListener } from '../harness/model/run-listener.js';
import { type RunRecord, type StageName, stageNames } from '../harness/model/run-record.js';
import { headlineOf } from './headline.js';
import { duration, printable, steps } from './words.js';

type StageState = 'waiting' | 'running' | 'done' | 'failed' | 'skipped';

export interface ProgressOptions {
  /** Whether the stream is a terminal; asked of the stream when not given. */
  readonly tty?: boolean;
  readonly colour?: boolean;
  readonly now?: () => Date;
}

/** Live: the eight steps of clause 4.1.1.4 with state, elapsed time and notes; plain lines where there is no terminal. */
export function terminalProgress(stream: NodeJS.WriteStream, options: ProgressOptions = {}): RunListener {
  const now = options.now ?? (() => new Date());
  const c = pc.createColors(options.colour ?? (stream.isTTY && process.env.NO_COLOR === undefined));
  return (options.tty ?? stream.isTTY) ? new LiveProgress(stream, c, now) : new PlainProgress(stream, now);
}

const width = Math.max(...stageNames.map((n) => steps[n].name.length));

/** One line an event, with a time stamp, for logs and pipes. */
class PlainProgress implements RunListener {
  #startedAt = new Map<StageName, number>();

  constructor(
    readonly stream: NodeJS.WritableStream,
    readonly now: () => Date,
  ) {}

  #line(text: string): void {
    for (const line of printable(text).split('\n')) {
      this.stream.write(
        `${this.now()
          .toISOString()
          .replace(/\.\d+Z$/, 'Z')}  ${line}\n`,
      );
    }
  }

  started({ id, title, service, plan }: RunInfo): void {
    this.#startedAt.clear();
    this.#line(`online test of ${service}: ${title} (run ${id})`);
    for (const line of plan) this.#line(`  plan: ${line}`);
  }

  stage(name: StageName, state: 'running' | 'done' | 'failed' | 'skipped', note: string): void {
    const { step, name: title } = steps[name];
    const at = this.now().getTime();
    const since = this.#startedAt.get(name);
    if (state === 'running' && since === undefined) this.#startedAt.set(name, at);
    const took = state === 'running' || since === undefined ? '' : ` after ${duration(at - since)}`;
    this.#line(`step ${step}/8  ${title.padEnd(width)}  ${state}${took}${note ? `: ${note}` : ''}`);
  }

  note(text: string): void {
    this.#line(`note: ${text}`);
  }

  finished(record: RunRecord): void {
    const { badge, now, story } = headlineOf(record);
    this.#line(`finished after ${duration(record.finishedMs)}: ${badge}. ${now} ${story}`);
  }
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const redrawMs = 100;

/** Whole tenths, so that the figure runs without jumping. */
const ticking = (ms: number): string => (ms < 59_950 ? `${(ms / 1000).toFixed(1)} s` : duration(ms));

interface Line {
  state: StageState;
  note: string;
  startedAt?: number;
  tookMs?: number;
}

/** The eight steps, redrawn in place; notes scroll by above them. */
class LiveProgress implements RunListener {
  readonly #log;
  #lines = new Map<StageName, Line>();
  #head = '';
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly stream: NodeJS.WriteStream,
    readonly c: ReturnType<typeof pc.createColors>,
    readonly now: () => Date,
  ) {
    this.#log = createLogUpdate(stream);
  }

  started({ title, service, plan }: RunInfo): void {
    const { c } = this;
    this.#lines = new Map(stageNames.map((n) => [n, { state: 'waiting', note: '' }]));
    this.#head = [
      `${c.bold(printable(title))} ${c.dim(`(${service})`)}`,
      ...plan.map((line) => c.dim(`  ${printable(line)}`)),
    ].join('\n');
    this.stream.write(`${this.#head}\n`);
    this.#timer = setInterval(() => {
      this.#frame++;
      this.#draw();
    }, redrawMs);
    this.#timer.unref();
    this.#draw();
  }

  stage(name: StageName, state: 'running' | 'done' | 'failed' | 'skipped', note: string): void {
    const line = this.#lines.get(name);
    if (line === undefined) return;
    const at = this.now().getTime();
    line.state = state;
    if (note !== '') line.note = printable(note).replaceAll('\n', ' ');
    if (state === 'running') line.startedAt ??= at;
    else if (line.startedAt !== undefined) line.tookMs = at - line.startedAt;
    this.#draw();
  }

  note(text: string): void {
    this.#log.clear();
    this.stream.write(`${this.c.dim(printable(text))}\n`);
    this.#draw();
  }

  finished(): void {
    clearInterval(this.#timer);
    this.#draw();
    this.#log.done();
    this.stream.write('\n');
  }

  #draw(): void {
    const at = this.now().getTime();
    const columns = this.stream.columns ?? 80;
    this.#log([...this.#lines].map(([name, line]) => this.#row(name, line, at, columns)).join('\n'));
  }

  #row(name: StageName, { state, note, startedAt, tookMs }: Line, at: number, columns: number): string {
    const { c } = this;
    const spinner = frames[this.#frame % frames.length] ?? '';
    const mark = {
      waiting: c.dim('·'),
      running: c.cyan(spinner),
      done: c.green('✓'),
      failed: c.red('✗'),
      skipped: c.dim('–'),
    }[state];
    const elapsed = tookMs ?? (startedAt === undefined ? undefined : at - startedAt);
    const time = (elapsed === undefined ? '' : state === 'running' ? ticking(elapsed) : duration(elapsed)).padStart(10);
    const title = `${steps[name].step} ${steps[name].name.padEnd(width)}`;
    const room = columns - title.length - time.length - 9;
    const told = note.length > room ? `${note.slice(0, Math.max(0, room - 1))}…` : note;
    const quiet = state === 'waiting' || state === 'skipped';
    return `  ${mark} ${quiet ? c.dim(title) : title} ${c.dim(time)}  ${state === 'failed' ? c.red(told) : c.dim(told)}`;
  }
}
