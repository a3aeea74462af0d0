import { resolve } from 'node:path';
import type { Fronts } from './fronts.js';

/** The outside world, handed in so that the CLI can be tested whole. */
export interface Outside {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly fronts: Fronts;
  /** Calls back for every SIGINT and SIGTERM. @returns how to stop listening */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** Leaves at once; only a second interrupt does that. */
  readonly leave: (code: number) => void;
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly state?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export class Context {
  constructor(
    readonly outside: Outside,
    readonly options: GlobalOptions,
  ) {}

  get stateFolder(): string {
    return resolve(this.outside.cwd, this.options.state ?? this.outside.env.ORDEAL_STATE ?? '.ordeal');
  }

  get outFolder(): string {
    return resolve(this.outside.cwd, this.options.out ?? this.outside.env.ORDEAL_OUT ?? 'reports/out');
  }

  get json(): boolean {
    return this.options.json === true;
  }

  get width(): number {
    return Math.min(120, this.outside.stdout.columns ?? 100);
  }

  /** The result of a command: JSON on `--json`, else what `text` makes of it. */
  print(value: unknown, text: () => string): void {
    this.outside.stdout.write(this.json ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
  }

  /** For a person: with `--json` it goes to stderr, so that stdout stays machine-readable. */
  say(line: string): void {
    (this.json ? this.outside.stderr : this.outside.stdout).write(`${line}\n`);
  }
}

/** Columns as wide as their widest cell, the last one ragged. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...all.map((r) => (r[i] ?? '').length)));
  return all
    .map((r) =>
      r
        .map((cell, i) => (i === r.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
