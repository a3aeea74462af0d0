import type { HttpSpec } from '../probes/http.js';
import type { Timetable } from '../timetable.js';

/** What a load generator that is installed is asked for. */
export interface ToolJob {
  readonly request: HttpSpec;
  /** {base} filled in; {key} is left. */
  readonly url: string;
  readonly timetable: Timetable;
  readonly durationMs: number;
  /** Requests under way at the same time, at most. */
  readonly connections: number;
  /** Where the tool may write; only it does. */
  readonly folder: string;
}

export interface ToolCommand {
  readonly args: readonly string[];
  /** What is written to its standard input. */
  readonly input?: string;
}

/** One request as the tool told it. */
export interface ToolSample {
  /** Milliseconds: of the epoch when the tool tells the time of day, else since its start. */
  readonly sentMs: number;
  readonly durationMs: number;
  readonly ok: boolean;
  readonly outcome: string;
}

export interface ToolResult {
  readonly clock: 'epoch' | 'since-start';
  readonly samples: readonly ToolSample[];
}

/** A load generator that Ordeal drives as a child process. */
export interface LoadTool {
  readonly program: string;
  /** Whether it asks at the intended moments though the service is slow; else a slow service is asked less. */
  readonly isOpenLoop: boolean;
  /** Where it is to be had. */
  readonly home: string;
  /** @returns why it cannot send this, for the user; undefined when it can */
  refuses(job: Pick<ToolJob, 'request' | 'timetable'>): string | undefined;
  command(job: ToolJob): ToolCommand;
  /** @param output of its standard output @throws Error when it is not what the tool is known to write */
  read(output: string, job: ToolJob): Promise<ToolResult>;
}
