import type { Vim } from '../model/vim.js';

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
 * asks again, right before; what is asked and what is sent are of one turn of the event loop.
 * @param mustBeHeld throws when the run is no longer this process's
 */
export function heldVim(vim: Vim, mustBeHeld: () => void): Vim {
  return held(vim, '', mustBeHeld);
}

function held<T extends object>(target: T, prefix: string, mustBeHeld: () => void): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key);
      const name = `${prefix}${String(key)}`;
      if (typeof value === 'function') {
        if (!striking.has(name)) return value.bind(target);
        return async (...args: unknown[]) => {
          mustBeHeld();
          return Reflect.apply(value, target, args);
        };
      }
      return facets.has(name) && value instanceof Object ? held(value, `${name}.`, mustBeHeld) : value;
    },
  });
}
