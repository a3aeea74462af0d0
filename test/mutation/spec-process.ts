import { type ChildProcess, fork } from 'node:child_process';
import type { Answer } from './run-specs.js';

/** So long may the specs of one file take, in milliseconds, before they have been seen to pass. */
const firstLimitMs = 60_000;
/** Then so many times as long as they took, and no less than so long: a mutant that hangs is noticed. More on a busy machine. */
const patience = Number(process.env.ORDEAL_MUTANT_PATIENCE ?? 5);
const leastMs = 4000;

/** What a failure begins with when nothing failed, and nothing came. */
export const silence = 'no answer';

/** Specs in a process of their own, which is started anew when it hangs or dies. */
export class SpecProcess {
  #child: ChildProcess | undefined;
  #limitMs = firstLimitMs;

  constructor(
    readonly folder: string,
    readonly specs: readonly string[],
  ) {}

  /** @returns why a spec failed; undefined when all passed */
  async run(mutant: string | null): Promise<string | undefined> {
    this.#child ??= await this.#start(undefined);
    if (this.#child === undefined) return 'the process died';
    const fromMs = performance.now();
    this.#child.send({ mutant });
    const failure = await this.#answer();
    if (mutant === null && failure === undefined)
      this.#limitMs = Math.max(leastMs, patience * (performance.now() - fromMs));
    return failure;
  }

  /** In a process that has the mutant from its very start: what is made when a module is loaded is mutated too. */
  async runAnew(mutant: string): Promise<string | undefined> {
    this.end();
    this.#child = await this.#start(mutant);
    const failure = this.#child === undefined ? 'the modules cannot be loaded' : await this.run(mutant);
    this.end();
    return failure;
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #start(mutant: string | undefined): Promise<ChildProcess | undefined> {
    const { __STRYKER_ACTIVE_MUTANT__: _, ...env } = process.env;
    const child = fork('dist/test/mutation/run-specs.js', [...this.specs], {
      cwd: this.folder,
      stdio: 'ignore',
      env: mutant === undefined ? env : { ...env, __STRYKER_ACTIVE_MUTANT__: mutant },
    });
    this.#child = child;
    await this.#answer();
    return this.#child;
  }

  #answer(): Promise<string | undefined> {
    const child = this.#child as ChildProcess;
    return new Promise((resolve) => {
      const end = (failure: string | undefined, isLost: boolean) => {
        clearTimeout(timer);
        child.off('message', answered);
        child.off('exit', died);
        if (isLost) this.end();
        resolve(failure);
      };
      const answered = ({ failure }: Answer) => end(failure, false);
      const died = () => end('the process died', true);
      const timer = setTimeout(() => end(`${silence} within ${this.#limitMs} ms`, true), this.#limitMs);
      child.on('message', answered);
      child.on('exit', died);
    });
  }
}
