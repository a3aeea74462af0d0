import type { Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';

/** Each but the last one was refused, and nothing of it carried out. */
const attempts = 3;

/** What strikes a VNFC, stops it, or puts something in its place. All other calls look, or give back. */
const striking: ReadonlySet<string> = new Set([
  'stop',
  'snapshots.capture',
  'snapshots.revert',
  'pausing.pause',
  'quiescing.quiesce',
  'storage.detach',
  'replacement.quarantine',
  'replacement.restoreAsNew',
  'replacement.switchOver',
  'faults.inject',
]);
const facets: ReadonlySet<string> = new Set(
  [...striking].filter((c) => c.includes('.')).map((c) => c.replace(/\..*/, '')),
);

/**
 * The VIM as a run may use it. A process that was stopped for longer than its lease, and is woken up, goes on in the middle of
 * a stage: what it had journalled before is settled, and the service given back by somebody else. So each call that strikes
 * asks again, right before. A VIM that is told when it was asked refuses what was sent long after; who still holds the run then
 * asks again.
 * @param mustBeHeld throws when the run is no longer this process's
 */
export function heldVim(vim: Vim, mustBeHeld: () => void): Vim {
  return held(vim, '', mustBeHeld);
}

async function whileHeld(mustBeHeld: () => void, strike: () => unknown): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    mustBeHeld();
    try {
      return await strike();
    } catch (e) {
      if (!(e instanceof OrdealError && e.kind === 'too-late') || attempt === attempts) throw e;
    }
  }
}

function held<T extends object>(target: T, prefix: string, mustBeHeld: () => void): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key);
      const name = `${prefix}${String(key)}`;
      if (typeof value === 'function') {
        if (!striking.has(name)) return value.bind(target);
        return (...args: unknown[]) => whileHeld(mustBeHeld, () => Reflect.apply(value, target, args));
      }
      return facets.has(name) && value instanceof Object ? held(value, `${name}.`, mustBeHeld) : value;
    },
  });
}
