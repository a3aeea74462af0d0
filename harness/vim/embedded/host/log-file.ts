import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../../../util/errors.js';

const levels = ['debug', 'info', 'warning', 'error'];
/** One older file of the same size is kept beside it. */
const rotateBytes = 16 * 1024 * 1024;
const flushMs = 50;

/** A log on disk, line by line, each with its time. Losing a line never harms what it tells about. */
export class LogFile {
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #bytes: number | undefined;

  constructor(readonly path: string) {}

  line(level: number, text: string, atMs = Date.now()): void {
    const safe = text.replaceAll('\n', '\\n');
    this.#lines.push(`${new Date(atMs).toISOString()} ${levels[level] ?? `level ${level}`} ${safe}\n`);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs);
  }

  /** Resolves when every line so far is in the file. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#lines.join('');
    this.#lines = [];
    if (text !== '') this.#writing = this.#writing.then(() => this.#write(text));
    return this.#writing;
  }

  async #write(text: string): Promise<void> {
    try {
      if (this.#bytes === undefined) {
        await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
        this.#bytes = (await stat(this.path).catch(() => ({ size: 0 }))).size;
      }
      if (this.#bytes > rotateBytes) {
        await rename(this.path, `${this.path}.1`);
        this.#bytes = 0;
      }
      await appendFile(this.path, text, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(text);
    } catch (e) {
      process.stderr.write(`log ${this.path}: ${reasonOf(e)}\n`);
    }
  }
}
