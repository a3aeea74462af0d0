import type { Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';

/** How the VNFM reaches the VIMs: over Vi-Vnfm itself, or over Or-Vnfm and Or-Vi through the NFVO. */
export interface VimAccess {
  /** @param what what is asked of the VIM, for the record: `capture store-1` @throws OrdealError of kind unknown-target */
  call<T>(vim: string, what: string, work: (vim: Vim) => Promise<T>): Promise<T>;
}

function vimOf(vims: ReadonlyMap<string, Vim>, name: string): Vim {
  const vim = vims.get(name);
  if (vim !== undefined) return vim;
  throw new OrdealError('unknown-target', `VIM "${name}" is not configured`, {
    expected: `one of ${[...vims.keys()].join(', ')}`,
    remedy: "Name it in the service descriptor's vims section.",
  });
}

/** Direct resource management: the VNFM calls the VIM. */
export class DirectAccess implements VimAccess {
  constructor(readonly vims: ReadonlyMap<string, Vim>) {}

  async call<T>(vim: string, _what: string, work: (vim: Vim) => Promise<T>): Promise<T> {
    return work(vimOf(this.vims, vim));
  }
}

export interface RelayedCall {
  readonly vim: string;
  readonly what: string;
  readonly outcome: 'done' | 'failed';
}

/**
 * Indirect resource management: the NFVO forwards each request of the VNFM to the VIM and its answer back
 * (OrVi-Vcrm, OrVi-Vsrm). It keeps a record of what went through it.
 */
export class NfvoRelay implements VimAccess {
  readonly #vims: ReadonlyMap<string, Vim>;
  readonly #calls: RelayedCall[] = [];

  constructor(
    vims: ReadonlyMap<string, Vim>,
    /** May refuse, by throwing, what the NFVO does not want done. */
    readonly authorise: (vim: string, what: string) => Promise<void> = async () => {},
  ) {
    this.#vims = vims;
  }

  /** The latest 1000 calls. */
  get calls(): readonly RelayedCall[] {
    return this.#calls;
  }

  async call<T>(vim: string, what: string, work: (vim: Vim) => Promise<T>): Promise<T> {
    let outcome: RelayedCall['outcome'] = 'failed';
    try {
      await this.authorise(vim, what);
      const answer = await work(vimOf(this.#vims, vim));
      outcome = 'done';
      return answer;
    } finally {
      this.#calls.push({ vim, what, outcome });
      if (this.#calls.length > 1000) this.#calls.shift();
    }
  }
}
