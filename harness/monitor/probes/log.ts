import { open, stat } from 'node:fs/promises';
import type { ProbeSpec } from '../../model/network-service.js';
import { OrdealError } from '../../util/errors.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

export type LogSpec = Extract<ProbeSpec, { kind: 'log' }>;

/** So much is read for one sample; of a log that grows faster, the rest comes with the next ones. */
const mostBytes = 1024 * 1024;

/**
 * Looks at the lines that came to a file since the sample before. It follows a file that is renamed and made anew, or cut
 * off, as log rotation does. A line counts once it has ended.
 */
export class LogProber implements Prober {
  readonly #pattern: RegExp;
  /** Samples look one after the other, so that each line is seen by one. */
  #turn: Promise<unknown> = Promise.resolve();
  #at: { readonly inode: number; readonly offset: number } | undefined;
  #unfinished = '';

  /** @throws OrdealError of kind scenario-invalid */
  constructor(private readonly spec: LogSpec) {
    try {
      this.#pattern = new RegExp(spec.pattern);
    } catch (e) {
      throw new OrdealError('scenario-invalid', 'The pattern is no regular expression', {
        where: `probe "${spec.id}"`,
        got: spec.pattern,
        cause: e,
      });
    }
  }

  send(_key: string, done: Done): Abort {
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (!over) done(ok, outcome);
    };
    this.#turn = this.#turn
      .then(() => this.#look())
      .then(
        (matched) => finish(matched === (this.spec.expect === 'present'), matched ? 'present' : 'absent'),
        (e: unknown) => finish(false, outcomeOf(e)),
      );
    return () => {
      over = true;
    };
  }

  async #look(): Promise<boolean> {
    const { file } = this.spec;
    const { ino, size } = await stat(file);
    // What was there before the first sample is of another time.
    this.#at ??= { inode: ino, offset: size };
    const isAnother = this.#at.inode !== ino || size < this.#at.offset;
    const offset = isAnother ? 0 : this.#at.offset;
    if (isAnother) this.#unfinished = '';
    const length = Math.min(mostBytes, size - offset);
    let text = '';
    if (length > 0) {
      const handle = await open(file, 'r');
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
        text = buffer.toString('utf8', 0, bytesRead);
        this.#at = { inode: ino, offset: offset + bytesRead };
      } finally {
        await handle.close();
      }
    } else {
      this.#at = { inode: ino, offset };
    }
    const lines = (this.#unfinished + text).split('\n');
    this.#unfinished = lines.pop() ?? '';
    return lines.some((line) => this.#pattern.test(line));
  }

  moveTo(): void {
    // The file is the descriptor's own.
  }

  async close(): Promise<void> {
    await this.#turn;
  }
}
