import { closeSync, openSync, readSync } from 'node:fs';
import { hashBytes, packPages } from './layout.js';
import { type PackIndex, packPath } from './pack-file.js';
import type { PackWriter } from './pack-writer.js';
import { PageIndex } from './page-index.js';

const hashWords = hashBytes / 4;
/** Hashes that are read from the index of a pack at once, and how many such pieces are kept: 1 MiB. */
const pieceHashes = 256;
const keptPieces = 128;

interface Known {
  readonly name: string;
  /** Where its hashes begin in its file; a writer while it is being written. */
  hashes: number | PackWriter;
}

/** What a store knows of its packs while it writes: which pages it has. */
export class KnownPacks {
  readonly #packs: Known[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #pieces = new Map<number, Int32Array>();
  readonly #index: PageIndex;

  constructor(
    readonly folder: string,
    indexPages: number,
  ) {
    this.#index = new PageIndex(indexPages);
  }

  get isFull(): boolean {
    return this.#index.isFull;
  }

  get names(): readonly string[] {
    return this.#packs.map((p) => p.name);
  }

  has(name: string): boolean {
    return this.#numbers.has(name);
  }

  nameOf(pack: number): string {
    return this.#packs[pack]?.name ?? '';
  }

  /** A pack that is there. */
  learn({ name, pages, hashes, hashesAt }: Pick<PackIndex, 'name' | 'pages' | 'hashes' | 'hashesAt'>): void {
    const number = this.#add(name, hashesAt);
    const words = new Int32Array(hashes.buffer, hashes.byteOffset, hashes.byteLength / 4);
    for (let page = 0; page < pages; page++) {
      if (this.find(words, page) < 0) this.enter(words, page, number, page);
    }
  }

  /** A pack that is being written. @returns its number */
  begin(writer: PackWriter): number {
    return this.#add(writer.name, writer);
  }

  /** The pack lies in its file from now on. */
  finish(number: number, hashesAt: number): void {
    const pack = this.#packs[number];
    if (pack !== undefined) pack.hashes = hashesAt;
  }

  #add(name: string, hashes: Known['hashes']): number {
    const number = this.#packs.push({ name, hashes }) - 1;
    this.#numbers.set(name, number);
    return number;
  }

  /** @param hashes of many pages @param page which of them @returns where it lies, for `packOf` and `pageOf`; -1 when nowhere */
  find(hashes: Int32Array, page: number): number {
    const at = page * hashWords;
    return this.#index.find(hashes[at] ?? 0, (location) => this.#isAt(location, hashes, at));
  }

  enter(hashes: Int32Array, page: number, pack: number, pageInPack: number): void {
    const location = pack * packPages + pageInPack;
    if (location < 2 ** 31 - 1) this.#index.add(hashes[page * hashWords] ?? 0, location);
  }

  packOf(location: number): number {
    return Math.floor(location / packPages);
  }

  pageOf(location: number): number {
    return location % packPages;
  }

  #isAt(location: number, hashes: Int32Array, at: number): boolean {
    const pack = this.#packs[this.packOf(location)];
    if (pack === undefined) return false;
    const page = this.pageOf(location);
    if (typeof pack.hashes !== 'number') {
      const { buffer, byteOffset } = pack.hashes.hashOf(page);
      return isEqual(new Int32Array(buffer, byteOffset, hashWords), 0, hashes, at);
    }
    const first = page - (page % pieceHashes);
    const piece = this.#piece(pack, location - page + first, first);
    return isEqual(piece, (page - first) * hashWords, hashes, at);
  }

  #piece({ name, hashes }: Known, location: number, first: number): Int32Array {
    const known = this.#pieces.get(location);
    if (known !== undefined) return known;
    const [oldest] = this.#pieces.keys();
    if (this.#pieces.size >= keptPieces && oldest !== undefined) this.#pieces.delete(oldest);
    const words = new Int32Array(pieceHashes * hashWords);
    const file = openSync(packPath(this.folder, name), 'r');
    try {
      // What is missing of the last piece stays zero, and is no hash of a page.
      const bytes = new Uint8Array(words.buffer);
      for (let done = 0, count = 1; count > 0 && done < bytes.length; done += count) {
        count = readSync(file, bytes, done, bytes.length - done, Number(hashes) + first * hashBytes + done);
      }
    } finally {
      closeSync(file);
    }
    this.#pieces.set(location, words);
    return words;
  }
}

function isEqual(a: Int32Array, atA: number, b: Int32Array, atB: number): boolean {
  for (let i = 0; i < hashWords; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}
