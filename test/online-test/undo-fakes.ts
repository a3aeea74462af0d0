import type { Injection } from '../../harness/model/fault.js';

export interface Owned {
  readonly computeId: string;
  readonly resource: string;
  readonly quarantined: boolean;
}

export const injection: Injection = {
  ...{ id: 'fault-1', runId: 'run-1', kind: 'stall', vim: 'fake', target: { vnfc: 'web' } },
  ...{ params: {}, seed: 1, expiresAfterMs: 1000 },
};

/** A session whose one VIM tells what it is asked to undo. @param places what stands where */
export function fakeSession(places: Record<string, string>, owned: readonly Owned[] = []) {
  const told: string[] = [];
  const tell =
    (what: string) =>
    async (...args: string[]) =>
      void told.push([what, ...args].join(' '));
  const vim = {
    kind: 'fake',
    locate: async (resource: string) => places[resource],
    faults: { heal: async (i: Injection) => void told.push(`heal ${i.id}`) },
    pausing: { resume: tell('resume') },
    replacement: { unquarantine: tell('unquarantine'), release: tell('release'), ownedBy: async () => owned },
  };
  return { told, session: { vims: new Map([['fake', vim]]) } };
}
