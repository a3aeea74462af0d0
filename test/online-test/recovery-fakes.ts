import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalAction } from '../../harness/model/journal.js';
import { type LocatedService, networkService } from '../../harness/model/network-service.js';
import type { ServiceSession } from '../../harness/online-test/session.js';
import { Journal } from '../../harness/store/journal.js';

/** A service of one VNF with one VNFC, `web`, and one probe of so many samples a second at this base address. */
export function webService(folder: string, base: string, rateHz = 200): LocatedService {
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'shop',
    expectedRecoveryMs: 100,
    highAvailability: 'none',
    vims: { fake: {} },
    vnfs: [{ id: 'front', vnfdId: 'front', vnfcs: [{ id: 'web', vim: 'fake' }] }],
    probes: [{ id: 'page', kind: 'http', url: `${base}/page`, rateHz, timeoutMs: 5000 }],
    // A machine that is busy is slow, and what is judged here is not how fast it answers.
    indicators: { errorRatio: { absolute: 0.2 }, availability: { absolute: 0.2 }, latencyP50: { absolute: 10_000 } },
  });
  return { file: join(folder, 'service.yaml'), folder, descriptor };
}

/** What a fake VIM and its engine do not as they should. */
export interface Mischief {
  readonly fails?: readonly string[];
  readonly isGone?: boolean;
  /** What stands in the place of `web`. */
  readonly placed?: string;
  readonly engineDid?: readonly string[];
}

/** A session over a real journal, whose VIM and engine tell what they are asked to do. */
export function fakeSession(stateFolder: string, service: LocatedService, mischief: Mischief = {}) {
  const told: string[] = [];
  const journal = new Journal(stateFolder);
  let placed = mischief.placed ?? 'web@1';
  const tell =
    (what: string) =>
    async (...args: unknown[]): Promise<void> => {
      const named = args.filter((a) => typeof a === 'string').join(' ');
      told.push(named === '' ? what : `${what} ${named}`);
      if (mischief.fails?.includes(what)) throw new Error(`${what} failed`);
    };
  const vim = {
    kind: 'fake',
    locate: async () => placed,
    inspect: async () => ({}),
    faults: { heal: tell('heal') },
    pausing: { resume: tell('resume') },
    replacement: {
      quarantine: tell('quarantine'),
      unquarantine: tell('unquarantine'),
      release: tell('release'),
      ownedBy: async () => [],
      restoreAsNew: async (snapshotId: string) => {
        await tell('restoreAsNew')(snapshotId);
        return 'web@2';
      },
      switchOver: async (pairs: readonly { readonly to: string }[]) => {
        await tell('switchOver')(pairs.map((p) => p.to).join());
        placed = pairs[0]?.to ?? placed;
      },
    },
  };
  const snapshot = {
    ...{ id: 'vnf-snap-1', vnfInstanceId: 'front', userDefinedData: {} },
    vnfcSnapshots: [{ vnfcInstanceId: 'web', computeSnapshotResource: { resourceId: 'snap-1' } }],
  };
  const session: Record<PropertyKey, unknown> = {
    ...{ service, journal, trace: [], vims: new Map([['fake', vim]]), vimOf: () => vim },
    engine: {
      recover: async () => {
        await tell('recover')();
        return mischief.engineDid ?? [];
      },
      show: () => snapshot,
      create: async () => {
        await tell('capture')();
        throw new Error('nothing can be captured');
      },
    },
    addresses: async () => () => '',
    isGone: async () => mischief.isGone === true,
    heldFor: () => session,
    [Symbol.asyncDispose]: async () => {
      told.push('closed');
      journal[Symbol.dispose]();
    },
  };
  return { told, vim, session: session as unknown as ServiceSession };
}

/** 60 good samples of the probe in 300 ms, as a run leaves them. */
export async function baselineOf(folder: string): Promise<Extract<JournalAction, { type: 'covered' }>> {
  await mkdir(folder, { recursive: true });
  const samplesFile = join(folder, 'samples.jsonl');
  const line = (i: number) => JSON.stringify(['page', 5 * i, 5 * i, 5 * i + 1 + (i % 3) * 0.1, true, '200']);
  await writeFile(samplesFile, Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(''));
  return {
    ...{ type: 'covered', title: 'a crash', area: ['front'], vnfSnapshotIds: ['vnf-snap-1'], samplesFile },
    ...{ baseline: { fromMs: 0, toMs: 300 }, expectedRecoveryMs: 100, measureMs: 300, seed: 1 },
  };
}
