import { asError, ManyErrors } from './errors.js';

interface Step {
  readonly what: string;
  readonly undo: () => unknown;
}

/**
 * Register the undo before you do. Unwinds in reverse, never stops at the first failure.
 *
 *     await using undo = new Undo();
 *     undo.defer('heal the link', () => link.heal());
 *     await link.cut();
 *     undo.keep(); // the caller owns it now
 */
export class Undo implements AsyncDisposable {
  #steps: Step[] = [];

  defer(what: string, undo: () => unknown): void {
    this.#steps.push({ what, undo });
  }

  /** Everything went well: nothing is to be undone any more. */
  keep(): void {
    this.#steps = [];
  }

  /** @returns what failed, in the order in which it was tried; empty when all went well. Idempotent. */
  async unwind(): Promise<Error[]> {
    const failures: Error[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (e) {
        failures.push(new Error(`${step.what}: ${asError(e).message}`, { cause: e }));
      }
    }
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures = await this.unwind();
    if (failures.length > 0) throw new ManyErrors('internal', 'Not everything could be undone', failures);
  }
}
