/** The network of the service: frames go from address to address on a virtual link, through what impairs it. */
export interface Frame {
  readonly link: string;
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array;
  /** What the carrier needs beside the data; no fault touches it. */
  readonly envelope?: Uint8Array;
  /** Set on a frame that measures the link: it takes the same way, and ends here instead of at a VNFC. */
  readonly probe?: (data: Uint8Array) => void;
}

/** A fault on the way; it forwards what it lets pass, when it lets it pass. */
export interface Impairment {
  readonly id: string;
  matches(frame: Frame): boolean;
  pass(frame: Frame, forward: (frame: Frame) => void): void;
  /** The fault ends: what it holds back is let go, in order. */
  end(): void;
}

export class Switch {
  #impairments = new Map<string, readonly Impairment[]>();

  constructor(
    links: readonly string[],
    readonly arrive: (frame: Frame) => void,
  ) {
    for (const link of links) this.#impairments.set(link, []);
  }

  has(link: string): boolean {
    return this.#impairments.has(link);
  }

  send(frame: Frame): void {
    const impairments = this.#impairments.get(frame.link);
    if (impairments === undefined) return;
    if (impairments.length === 0) this.#arrive(frame);
    else this.#pass(frame, impairments, 0);
  }

  /** Idempotent by id. */
  impair(links: readonly string[], impairment: Impairment): void {
    for (const link of links) {
      const before = this.#impairments.get(link) ?? [];
      if (!before.some((i) => i.id === impairment.id)) this.#impairments.set(link, [...before, impairment]);
    }
  }

  heal(id: string): void {
    const ended = new Set<Impairment>();
    for (const [link, before] of this.#impairments) {
      for (const i of before) if (i.id === id) ended.add(i);
      this.#impairments.set(
        link,
        before.filter((i) => i.id !== id),
      );
    }
    for (const i of ended) i.end();
  }

  #pass(frame: Frame, impairments: readonly Impairment[], index: number): void {
    for (let i = index; i < impairments.length; i++) {
      const impairment = impairments[i] as Impairment;
      if (!impairment.matches(frame)) continue;
      impairment.pass(frame, (passed) => this.#pass(passed, impairments, i + 1));
      return;
    }
    this.#arrive(frame);
  }

  #arrive(frame: Frame): void {
    if (frame.probe) frame.probe(frame.data);
    else this.arrive(frame);
  }
}
