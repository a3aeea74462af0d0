const numbers = 3;

/**
 * Of which pages an image is made: runs of pages that lie one after the other in a pack. Flat, 12 bytes a run, since a
 * large image has millions of them.
 */
export class Runs {
  #flat = new Int32Array(numbers * 64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Index into the recipe's packs; -1 is a run of zero pages, which lie nowhere. */
  pack(run: number): number {
    return this.#flat[run * numbers] ?? -1;
  }

  start(run: number): number {
    return this.#flat[run * numbers + 1] ?? 0;
  }

  pages(run: number): number {
    return this.#flat[run * numbers + 2] ?? 0;
  }

  /** The next pages of the image; they lengthen the last run where they follow it. */
  add(pack: number, start: number, pages = 1): void {
    const last = (this.#length - 1) * numbers;
    if (
      last >= 0 &&
      this.#flat[last] === pack &&
      (pack < 0 || (this.#flat[last + 1] ?? 0) + this.pages(this.#length - 1) === start)
    ) {
      this.#flat[last + 2] = (this.#flat[last + 2] ?? 0) + pages;
      return;
    }
    const at = this.#length++ * numbers;
    if (at === this.#flat.length) {
      const larger = new Int32Array(at * 2);
      larger.set(this.#flat);
      this.#flat = larger;
    }
    this.#flat[at] = pack;
    this.#flat[at + 1] = pack < 0 ? 0 : start;
    this.#flat[at + 2] = pages;
  }

  /** Varints: pack + 1, then how far the start is from where the pack's last run ended (zigzag), then how many. */
  encode(): Buffer {
    let bytes = Buffer.allocUnsafe(1024);
    let at = 0;
    const push = (value: number) => {
      let rest = value;
      for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) + 128;
      bytes[at++] = rest;
    };
    const ends = new Map<number, number>();
    for (let run = 0; run < this.#length; run++) {
      // Three varints of at most five bytes.
      if (at + 15 > bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
      const pack = this.pack(run);
      push(pack + 1);
      if (pack >= 0) {
        const jump = this.start(run) - (ends.get(pack) ?? 0);
        push(jump >= 0 ? jump * 2 : -jump * 2 - 1);
        ends.set(pack, this.start(run) + this.pages(run));
      }
      push(this.pages(run));
    }
    return bytes.subarray(0, at);
  }

  /** @throws Error when that is not what an image of so many pages in so many packs is made of */
  static decode(body: Buffer, pages: number, packs: number): Runs {
    const runs = new Runs();
    const ends = new Map<number, number>();
    let at = 0;
    const pull = () => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = body[at++];
        if (byte === undefined || scale > 2 ** 42) throw new Error('its runs are cut off');
        value += (byte % 128) * scale;
        if (byte < 128) return value;
      }
    };
    let total = 0;
    while (at < body.length) {
      const pack = pull() - 1;
      let start = 0;
      if (pack >= 0) {
        const jump = pull();
        start = (ends.get(pack) ?? 0) + (jump % 2 === 0 ? jump / 2 : -(jump + 1) / 2);
      }
      const count = pull();
      if (pack >= packs || start < 0 || count === 0 || start + count >= 2 ** 31)
        throw new Error('its runs make no sense');
      if (pack >= 0) ends.set(pack, start + count);
      runs.add(pack, start, count);
      total += count;
    }
    if (total !== pages) throw new Error(`its runs have ${total} pages of ${pages}`);
    return runs;
  }
}
