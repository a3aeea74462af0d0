import { type ChildProcess, fork } from 'node:child_process';
import type { Answer } from './run-specs.js';

/** So long may the specs of one file take, in milliseconds: a mutant that hangs is noticed. */
const limitMs = 20_000;

/** Specs in a process of their own, which is started anew when it hangs or dies. */
export class SpecProcess {
  #child: ChildProcess | undefined;

  constructor(
    readonly folder: string,
    readonly specs: readonly string[],
  ) {}

  /** @returns why a spec failed; undefined when all passed */
  async run(mutant: string | null): Promise<string | undefined> {
    this.#child ??= await this.#start(undefined);
    this.#child.send({ mutant });
    return this.#answer();
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

  async #start(mutant: string | undefined): Promise<ChildProcess> {
    const { __STRYKER_ACTIVE_MUTANT__: _, ...env } = process.env;
    const child = fork('dist/test/mutation/run-specs.js', [...this.specs], {
      cwd: this.folder,
      stdio: 'ignore',
      env: mutant === undefined ? env : { ...env, __STRYKER_ACTIVE_MUTANT__: mutant },
    });
    this.#child = child;
    await this.#answer();
    return child;
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
      const timer = setTimeout(() => end(`no answer within ${limitMs} ms`, true), limitMs);
      child.on('message', answered);
      child.on('exit', died);
    });
  }
}
