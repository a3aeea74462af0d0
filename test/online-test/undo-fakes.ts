import type { Injection } from '../../harness/model/fault.js';
import { OrdealError } from '../../harness/util/errors.js';

export interface Owned {
  readonly computeId: string;
  readonly resource: string;
  readonly quarantined: boolean;
}

export const injection: Injection = {
  ...{ id: 'fault-1', runId: 'run-1', kind: 'stall', vim: 'fake', target: { vnfc: 'web' } },
  ...{ params: {}, seed: 1, expiresAfterMs: 1000 },
};

function gone(what: string): never {
  throw new OrdealError('unknown-target', `There is no ${what}`);
}

/** A session whose one VIM tells what it is asked to undo. @param places what stands where */
export function fakeSession(places: Record<string, string>, owned: readonly Owned[] = []) {
  const told: string[] = [];
  const tell =
    (what: string) =>
    async (...args: string[]) =>
      void told.push([what, ...args].join(' '));
  const vim = {
    kind: 'fake',
    locate: async (resource: string) => places[resource] ?? gone(resource),
    faults: { heal: async (i: Injection) => void told.push(`heal ${i.id}`) },
    pausing: { resume: tell('resume') },
    replacement: {
      unquarantine: async (compute: string, runId: string) =>
        Object.values(places).includes(compute) ? void told.push(`unquarantine ${compute} ${runId}`) : gone(compute),
      release: tell('release'),
      ownedBy: async () => owned,
    },
  };
  return { told, session: { vims: new Map([['fake', vim]]) } };
}
