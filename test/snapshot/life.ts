import type { LocatedService } from '../../harness/model/network-service.js';
import type { Vim } from '../../harness/model/vim.js';
import { PackageManagement } from '../../harness/package/index.js';
import { type EngineContext, SnapshotEngine } from '../../harness/snapshot/engine.js';
import { openState, type State } from '../../harness/store/state.js';
import { openVim } from '../../harness/vim/registry.js';
import { tappedVim } from './tapped-vim.js';

/**
 * What befalls an operation: the n-th call to the VIM fails, or the process is gone at the n-th call or write; or, where
 * it is a process of its own, it or the host of the VNFCs is killed after so many milliseconds.
 */
export interface Trouble {
  readonly how: 'fails' | 'dies' | 'is killed' | 'loses its host';
  readonly at: number;
}

export const toldToFail = 'told to fail';
const writes = ['run', 'insert', 'transaction'] as const;

/**
 * One process of Ordeal as far as its operations go: a driver with a connection of its own, a repository, an engine. It
 * can die at any call to the VIM and at any write to the repository: from then on nothing that it does takes effect, and
 * nothing that it waits for comes. What it had asked the VIM for, the VIM does.
 */
export class Life implements AsyncDisposable {
  readonly engine: SnapshotEngine;
  readonly packages: PackageManagement;
  readonly warnings: string[] = [];
  readonly #died: Promise<'died'>;
  #die: () => void = () => {};
  #isDead = false;
  #trouble: Trouble | undefined;
  #moments = 0;

  private constructor(
    readonly state: State,
    readonly vim: Vim,
    service: LocatedService,
    mode: 'direct' | 'indirect',
    die: () => void,
  ) {
    this.#died = new Promise((resolve) => {
      this.#die = () => {
        die();
        this.#isDead = true;
        resolve('died');
      };
    });
    const tapped = tappedVim(vim, () => this.#moment('call'));
    // Without deadlines: the timers of a dead process would wake it up.
    const deadlines = { notificationMs: 0, vimMs: 0, storeMs: 0, freezeMs: 0, overdueMs: 0 };
    const context: EngineContext = {
      service,
      vims: new Map([['embedded', tapped]]),
      state,
      mode,
      deadlines,
      warn: (text) => this.warnings.push(text),
    };
    this.engine = new SnapshotEngine(context);
    this.packages = new PackageManagement(context);
    for (const name of writes) {
      const write = state.database[name].bind(state.database) as (...values: unknown[]) => unknown;
      Object.assign(state.database, {
        [name]: (...values: unknown[]) => {
          void this.#moment('write');
          if (this.#isDead) throw new Error('a dead process writes nothing');
          return write(...values);
        },
      });
    }
  }

  /**
   * @param folders.state one that an earlier life has left behind, or a new one
   * @param die how the process ends, where it does
   */
  static async begin(
    service: LocatedService,
    folders: { vim: string; state: string },
    mode: 'direct' | 'indirect',
    die: () => void = () => {},
  ) {
    const vim = await openVim('embedded', { service, stateFolder: folders.vim, options: {} });
    const state = await openState(folders.state);
    return new Life(state, vim, service, mode, die);
  }

  /** Who wrote before is no more, though this process lives: as the repository of another process would find it. */
  othersAreDead(): void {
    const { database } = this.state;
    database.run('update operation set pid = 4194305 where finishedAt is null');
    database.run('update lease set pid = 4194305');
  }

  #moment(what: 'call' | 'write'): Promise<never> | undefined {
    if (this.#isDead) return new Promise(() => {});
    const { how, at } = this.#trouble ?? { how: 'fails', at: -1 };
    if (how === 'fails' && what === 'write') return undefined;
    if (this.#moments++ !== at) return undefined;
    if (how === 'fails') throw new Error(toldToFail);
    this.#die();
    return new Promise(() => {});
  }

  /** @returns what it answered, what it failed with, or that it died meanwhile */
  async try<T>(
    trouble: Trouble | undefined,
    work: (life: this) => Promise<T>,
  ): Promise<{ done: T } | { failed: unknown } | 'died'> {
    this.#moments = 0;
    this.#trouble = trouble;
    const working = work(this).then(
      (done) => ({ done }),
      (failed: unknown) => ({ failed }),
    );
    const outcome = await Promise.race([working, this.#died]);
    this.#trouble = undefined;
    return this.#isDead ? 'died' : outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDead = true;
    await this.vim[Symbol.asyncDispose]();
    await this.state[Symbol.asyncDispose]();
  }
}
