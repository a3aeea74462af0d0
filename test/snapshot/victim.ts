import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LocatedService } from '../../harness/model/network-service.js';
import { Life, type Trouble } from './life.js';
import { type Operation, perform } from './operation.js';

/** What a process is told to do, and where it is to die of it. */
export interface Errand {
  readonly service: LocatedService;
  readonly folders: { readonly vim: string; readonly state: string };
  readonly mode: 'direct' | 'indirect';
  readonly operation: Operation;
  readonly trouble: Trouble | undefined;
}
export type Outcome = { readonly done: number | undefined } | { readonly failed: string };

/** Processes that have loaded everything and wait for their errand: most of the time of a death would go there. */
export class Victims implements Disposable {
  readonly #waiting: ChildProcess[] = [];

  constructor(readonly ahead = 2) {
    this.#fill();
  }

  #fill(): void {
    while (this.#waiting.length < this.ahead) {
      this.#waiting.push(
        fork(fileURLToPath(import.meta.url), [], {
          execArgv: [],
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
          // JSON would leave out that an operation was done whose answer is nothing.
          serialization: 'advanced',
        }),
      );
    }
  }

  /** @param killHost called when its trouble is to lose the host @returns what it answered, or that it is dead */
  async send(errand: Errand, killHost: () => Promise<void>): Promise<Outcome | 'died'> {
    const child = this.#waiting.shift();
    if (child === undefined) throw new Error('no process waits');
    this.#fill();
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    let killing: NodeJS.Timeout | undefined;
    let ended: Promise<void> | undefined;
    const { how, at } = errand.trouble ?? { how: 'fails', at: 0 };
    const answered = new Promise<Outcome>((resolve) => {
      child.on('message', (said) => {
        const message = said as 'begun' | Outcome;
        if (message !== 'begun') resolve(message);
        else if (how === 'is killed') killing = setTimeout(() => child.kill('SIGKILL'), at);
        else if (how === 'loses its host') {
          killing = setTimeout(() => {
            ended = killHost();
          }, at);
        }
      });
    });
    child.send(errand);
    const first = await Promise.race([answered, exited.then(() => 'died' as const)]);
    clearTimeout(killing);
    await ended;
    if (first !== 'died') child.kill('SIGKILL');
    const [code, signal] = await exited;
    if (signal !== 'SIGKILL') throw new Error(`a process ended with ${signal ?? `code ${code}`}`);
    return first;
  }

  [Symbol.dispose](): void {
    for (const child of this.#waiting) child.kill('SIGKILL');
  }
}

async function main(): Promise<void> {
  const [{ service, folders, mode, operation, trouble }] = (await once(process, 'message')) as [Errand];
  const life = await Life.begin(service, folders, mode, () => process.kill(process.pid, 'SIGKILL'));
  process.send?.('begun');
  const outcome = await life.try(trouble?.how === 'dies' ? trouble : undefined, (it) => perform(it, operation));
  const answer: Outcome =
    outcome === 'died' || 'failed' in outcome
      ? { failed: String(outcome === 'died' ? outcome : outcome.failed) }
      : outcome;
  process.send?.(answer);
  // It is killed when its answer was heard, and not before.
  setInterval(() => {}, 60_000);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
