import type { InstanceSnapshot } from '../model/snapshot.js';
import type { CapturedSnapshot, ComputeId, CreateSnapshotRequest, Vim } from '../model/vim.js';
import { withDeadline } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import type { ProcedureContext } from './procedure.js';

type Capture = (vim: Vim) => Promise<CapturedSnapshot>;

/**
 * One instance snapshot from its capture until it is stored or discarded. What the VIM answers after its deadline, or
 * does although its answer was lost, leaves nothing behind.
 */
export class HeldSnapshot {
  #captured: CapturedSnapshot | undefined;
  #stored: InstanceSnapshot | undefined;
  #isGivenToVim = false;

  constructor(
    readonly context: Pick<ProcedureContext, 'access' | 'deadlines'>,
    readonly vnfc: string,
    readonly vim: string,
  ) {}

  get captured(): CapturedSnapshot | undefined {
    return this.#captured;
  }

  get stored(): InstanceSnapshot | undefined {
    return this.#stored;
  }

  /** @param ask sends the request, with its deadline and its trace */
  async capture(
    computeId: ComputeId,
    request: CreateSnapshotRequest,
    ask: (work: Capture) => Promise<CapturedSnapshot>,
  ): Promise<void> {
    let isGivenUp = false;
    try {
      this.#captured = await ask(async (vim) => {
        const captured = await vim.snapshots.capture(computeId, request);
        // One that comes after its deadline is nobody's: the VIM is not to keep it.
        if (isGivenUp) await captured.discard();
        return captured;
      });
    } catch (e) {
      isGivenUp = true;
      throw e;
    }
  }

  /** @throws OrdealError of kind timeout after storeMs, or what the VIM threw */
  async store(): Promise<InstanceSnapshot> {
    const captured = this.#captured;
    if (captured === undefined) throw new OrdealError('internal', `${this.vnfc} was stored before it was captured`);
    const { access, deadlines } = this.context;
    const { vim, vnfc } = this;
    let isGivenUp = false;
    const store = async (v: Vim) => {
      this.#isGivenToVim = true;
      const stored = await captured.store();
      if (isGivenUp) await v.snapshots.delete([stored.id]);
      return stored;
    };
    try {
      const stored = await withDeadline(deadlines.storeMs, `VIM "${vim}": to store the snapshot of ${vnfc}`, () =>
        access.call(vim, `store the snapshot of ${vnfc}`, store),
      );
      this.#stored = stored;
      return stored;
    } catch (e) {
      isGivenUp = true;
      throw e;
    }
  }

  /** Nothing of it is left in the VIM. Idempotent. */
  async discard(): Promise<void> {
    const captured = this.#captured;
    const stored = this.#stored;
    if (captured === undefined) return;
    await this.context.access.call(this.vim, `discard the snapshot of ${this.vnfc}`, async (vim) => {
      if (stored !== undefined) return vim.snapshots.delete([stored.id]);
      if (this.#isGivenToVim && (await isDeleted(vim, captured.id))) return;
      await captured.discard();
    });
    this.#captured = undefined;
    this.#stored = undefined;
  }
}

/** The request to store it was answered with an error or not at all: the VIM may have stored it, or never have seen it. */
async function isDeleted(vim: Vim, id: string): Promise<boolean> {
  try {
    await vim.snapshots.delete([id]);
    return true;
  } catch (e) {
    if (e instanceof OrdealError && e.kind === 'snapshot-missing') return false;
    throw e;
  }
}
