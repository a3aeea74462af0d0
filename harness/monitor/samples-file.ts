import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Sample } from '../model/probe.js';
import { classifyIo, OrdealError } from '../util/errors.js';

/**
 * The samples of a run as JSON lines, [probe, intendedMs, sentMs, doneMs, ok, outcome], and what was read when
 * anything was ({"figure": 3}), in the order in which they were complete. Once a write has failed, nothing more is written, and `failure` says why.
 */
export class SamplesFile {
  readonly #stream: WriteStream;
  #failure: Error | undefined;

  /** @throws OrdealError when its folder cannot be made; what goes wrong later is in `failure` */
  constructor(path: string) {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (e) {
      throw notWritten(e, path);
    }
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.#stream.on('error', (e) => {
      this.#failure ??= notWritten(e, path);
    });
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  append(samples: readonly Sample[]): void {
    if (this.#failure !== undefined) return;
    this.#stream.write(samples.map(lineOf).join(''));
  }

  /** Everything is with the operating system, or `failure` says why not. Idempotent. */
  async close(): Promise<void> {
    if (this.#stream.closed) return;
    this.#stream.end();
    await finished(this.#stream).catch((e: unknown) => {
      this.#failure ??= notWritten(e, String(this.#stream.path));
    });
  }
}

function notWritten(e: unknown, path: string): Error {
  const classified = classifyIo(e, path);
  if (classified instanceof OrdealError) return classified;
  return new OrdealError('file-invalid', 'The samples cannot be written', { where: path, cause: e });
}

/** Microseconds are as much as the clock can tell. */
const rounded = (ms: number) => Math.round(ms * 1000) / 1000;

function lineOf(s: Sample): string {
  const line = [s.probe, rounded(s.intendedMs), rounded(s.sentMs), rounded(s.doneMs), s.ok, s.outcome];
  return `${JSON.stringify(s.figures === undefined ? line : [...line, s.figures])}\n`;
}
