import type { FileHandle } from 'node:fs/promises';

const READ_BYTES = 4 * 2 ** 20;

/** Reads a file from a place on, in large pieces. What it gives is valid until the next `fill`. */
export class FileCursor {
  #buffer = Buffer.alloc(0);
  #at = 0;

  /** @param position of the next byte, from the beginning of the file */
  constructor(
    readonly file: FileHandle,
    public position: number,
  ) {}

  /** Bytes that can be taken at once. */
  get ready(): number {
    return this.#buffer.length - this.#at;
  }

  /** Makes so many bytes ready, or as many as there are. */
  async fill(bytes: number): Promise<void> {
    if (this.ready >= bytes) return;
    const next = Buffer.allocUnsafe(Math.max(READ_BYTES, bytes));
    let length = this.#buffer.copy(next, 0, this.#at);
    while (length < bytes) {
      const { bytesRead } = await this.file.read(next, length, next.length - length, this.position + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    this.#buffer = next.subarray(0, length);
    this.#at = 0;
  }

  /** @returns undefined when fewer are ready */
  take(bytes: number): Buffer | undefined {
    if (this.ready < bytes) return undefined;
    const piece = this.#buffer.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.position += bytes;
    return piece;
  }
}
