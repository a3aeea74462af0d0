import type { CapturedSnapshot, Vim } from '../../harness/model/vim.js';

/** Told of every call to a VIM; what it throws, or does not answer, the caller sees in the VIM's place. */
export type Tap = (call: string, moment: 'before' | 'after') => Promise<void> | void;

const interfaces = new Set(['snapshots', 'pausing', 'quiescing', 'storage', 'replacement']);

/**
 * The VIM itself, with a tap on each of its calls: before it, so that nothing was done when it throws, and after it, so
 * that all was done and the answer is lost.
 */
export function tappedVim(vim: Vim, tap: Tap): Vim {
  return tapped(vim, '', tap);
}

function tapped<T extends object>(target: T, prefix: string, tap: Tap): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key);
      const name = `${prefix}${String(key)}`;
      if (typeof value === 'function' && typeof key === 'string') {
        return async (...args: unknown[]) => {
          await tap(name, 'before');
          const answer: unknown = await Reflect.apply(value, target, args);
          try {
            await tap(name, 'after');
          } catch (e) {
            // A capture whose client has gone is dropped by its VIM.
            if (name === 'snapshots.capture') await (answer as CapturedSnapshot).discard();
            throw e;
          }
          return name === 'snapshots.capture' ? tappedCapture(answer as CapturedSnapshot, tap) : answer;
        };
      }
      if (interfaces.has(String(key)) && typeof value === 'object' && value !== null) {
        return tapped(value, `${String(key)}.`, tap);
      }
      return value;
    },
  });
}

const tappedCapture = (captured: CapturedSnapshot, tap: Tap): CapturedSnapshot => ({
  ...captured,
  store: async () => {
    await tap('store', 'before');
    const stored = await captured.store();
    await tap('store', 'after');
    return stored;
  },
  discard: async () => {
    await tap('discard', 'before');
    await captured.discard();
    await tap('discard', 'after');
  },
});
