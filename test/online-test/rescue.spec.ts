import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Judgement } from '../../harness/judge/judge.js';
import type { Quarantined } from '../../harness/online-test/evidence.js';
import type { Window } from '../../harness/online-test/observation.js';
import { keepEvidence, lookAndRestore } from '../../harness/online-test/rescue.js';
import type { Covered, Rescue } from '../../harness/online-test/stages.js';
import { extractPackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { image, instanceSnapshot, vnfSnapshot } from '../package/contents.js';
import { temporaryFolder } from '../temporary-folder.js';

type Outcome = Judgement['outcome'];
const baseline: Window = { histories: [], fromMs: 0, toMs: 300 };

/** A look whose judgements a test gives, one after the other. */
function rescue(outcomes: Outcome[], { measureMs = 800 } = {}) {
  const told: string[] = [];
  const windows: [number, number][] = [];
  let nowMs = 1000;
  const it = {
    plan: { expectedRecoveryMs: 500, measureMs, area: [] },
    session: { journal: {}, vims: new Map() },
    recorder: {
      note: (text: string) => void told.push(text),
      verdict: (change: object) => {
        told.push(JSON.stringify(change));
        Object.assign(it.recorder.record.verdicts, change);
      },
      phase: () => undefined,
      stage: async () => void told.push('evidence'),
      record: { verdicts: { restoration: 'not-needed' } },
    },
    observation: {
      nowMs: () => nowMs,
      histories: () => [],
      watch: async (forMs: number) => {
        const fromMs = nowMs;
        nowMs += forMs;
        told.push(`watch ${forMs}`);
        return { histories: [], fromMs, toMs: nowMs };
      },
      recoveredMs: () => 40,
      compare: (_: Window, { fromMs, toMs }: Window) => {
        windows.push([fromMs, toMs]);
        const outcome = outcomes.shift() ?? 'as-before';
        const of = { probe: 'page', outcome, reason: 'only 3 samples' };
        const known = { indicator: 'latencyP50', probe: 'page', outcome: 'as-before', reason: 'alike' };
        return {
          outcome,
          indicators: [{ ...of, indicator: 'errorRatio' }, known, { ...of, indicator: 'availability' }],
        };
      },
    },
  };
  const covered: Covered = { baseline, snapshots: [] };
  return { told, windows, look: () => lookAndRestore(it as unknown as Rescue, covered) };
}

test('a service is given its expected time first, and is then looked at', async () => {
  const { told, windows, look } = rescue(['as-before']);
  expect(await look()).toEqual({ service: 'as-before' });
  expect(told).toEqual(['healed; looking whether the service is as before', 'watch 500', 'watch 800']);
  expect(windows).toEqual([[1500, 2300]]);
});

test('better than before is as before', async () => {
  expect(await rescue(['better']).look()).toEqual({ service: 'as-before' });
});

test('a look takes two seconds at the most', async () => {
  const { told, look } = rescue(['as-before'], { measureMs: 60_000 });
  await look();
  expect(told.at(-1)).toBe('watch 2000');
});

test('a look that says too little grows, and what it says then counts', async () => {
  const { windows, look } = rescue(['inconclusive', 'as-before']);
  expect(await look()).toEqual({ service: 'as-before' });
  expect(windows).toEqual([
    [1500, 2300],
    [1500, 3100],
  ]);
});

test('what cannot be told after three looks is inconclusive, and is told with the reason', async () => {
  const { told, windows, look } = rescue(['inconclusive', 'inconclusive', 'inconclusive', 'worse']);
  expect(await look()).toEqual({
    service: 'inconclusive',
    reason: 'errorRatio of page: only 3 samples; availability of page: only 3 samples',
  });
  expect(windows.map(([, toMs]) => toMs)).toEqual([2300, 3100, 3900]);
  expect(told.at(-1)).toMatch(/^whether the service is as before cannot be told: errorRatio of page: only 3 samples; /);
});

test('a service that is worse is restored, with its evidence kept', async () => {
  const { told, look } = rescue(['worse', 'as-before']);
  expect(await look()).toEqual({ service: 'restored' });
  expect(told.filter((t) => !t.startsWith('watch'))).toEqual([
    'healed; looking whether the service is as before',
    'the service is not as before: restoring',
    '{"service":"failed"}',
    '{"restoration":"not-restored","evidence":"incomplete"}',
    'switched over to 0 new VNFCs after 0.0 ms',
    '{"restoration":"restored"}',
    'evidence',
  ]);
});

test('a service that is worse still after that is not restored', async () => {
  const { told, look } = rescue(Array<Outcome>(20).fill('worse'), { measureMs: 60_000 });
  expect(await look()).toEqual({ service: 'not-restored' });
  expect(told).not.toContain('{"restoration":"restored"}');
});

test.describe('the evidence', () => {
  let folder: string;
  test.beforeEach(async () => {
    folder = await temporaryFolder('evidence');
    await writeFile(join(folder, 'samples.jsonl'), '["page",1]\n');
  });
  test.afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Two VNFs with one failed VNFC each; the engine captures one after the other. @param fails the VNFs that cannot be captured */
  function capturing({
    fails = [] as string[],
    quarantined = ['web', 'db'],
    gone = [] as string[],
    busy = 0,
    mustBeHeld = () => {},
  } = {}) {
    let left = busy;
    const told: string[] = [];
    const errors: string[] = [];
    const verdicts: object[] = [];
    const record = { id: 'run-1', snapshots: [] as object[], packages: [] as object[], errors: [] as string[] };
    const vim = {
      inspect: async (compute: string) => {
        if (gone.includes(compute)) throw new OrdealError('unknown-target', `There is no ${compute}`);
        return {};
      },
      replacement: { release: async (id: string) => void told.push(`release ${id}`) },
      snapshots: {
        show: async () => instanceSnapshot('web'),
        exportImages: async () => [image('memory.raw', 'memory', Buffer.alloc(4096))],
      },
    };
    const it = {
      plan: { title: 'a crash', expectedRecoveryMs: 1, measureMs: 1, area: [] },
      session: {
        journal: { intend: () => 0, settle: () => undefined, mustBeHeld },
        trace: [],
        service: { folder },
        vnfc: (id: string) => ({ id }),
        vimOf: () => vim,
        engine: {
          create: async ({ vnf, vnfcIds = [] }: { vnf: string; vnfcIds?: string[] }) => {
            if (fails.includes(vnf)) throw new Error('guest agent silent');
            if (left-- > 0) throw new OrdealError('busy', `VNF "${vnf}" is in snapshot creation`);
            return { ...vnfSnapshot(vnfcIds), id: `snap-of-${vnf}`, vnfInstanceId: vnf };
          },
        },
      },
      recorder: {
        ...{ id: 'run-1', folder, record, samplesFile: join(folder, 'samples.jsonl') },
        failed: (e: Error) => void errors.push(e.message),
        verdict: (change: object) => void verdicts.push(change),
        stage: async (name: string, work: () => Promise<[unknown, string]>) => {
          const [result, note] = await work();
          told.push(`${name}: ${note}`);
          return result;
        },
      },
    };
    const failed = quarantined.map((id, i) => {
      const vnf = { id: `vnf-${id}`, vnfcs: [] };
      return { vnfcId: id, vnf, vim, failed: `${id}@1`, journalEntry: i } as unknown as Quarantined;
    });
    return { ...{ told, errors, verdicts, record }, keep: () => keepEvidence(it as unknown as Rescue, failed) };
  }
  const packageOf = (id: string) => join(folder, `vnf-${id}.vnf-snapshot.zip`);

  test('is a package of each VNF that failed, with the record and the samples of the run', async () => {
    const { told, errors, verdicts, record, keep } = capturing();
    await keep();
    const snapshots = 'vnf-web: 1 warm VNFC Snapshots, 0.1 MiB; vnf-db: 1 warm VNFC Snapshots, 0.1 MiB';
    expect(told).toEqual([
      ...['release web@1', 'release db@1'],
      `forensic: ${snapshots}; exported to ${packageOf('web')}, ${packageOf('db')}`,
    ]);
    expect([errors, verdicts]).toEqual([[], [{ evidence: 'exported' }]]);
    expect(record.packages).toMatchObject([
      { file: packageOf('web'), vnf: 'vnf-web' },
      { file: packageOf('db'), vnf: 'vnf-db' },
    ]);
    expect(record.snapshots).toMatchObject([
      { id: 'snap-of-vnf-web', purpose: 'forensic' },
      { id: 'snap-of-vnf-db', purpose: 'forensic' },
    ]);
    const to = join(folder, 'extracted');
    await extractPackage(packageOf('web'), to);
    const run = JSON.parse(await readFile(join(to, 'artifacts', 'run.json'), 'utf8')) as object;
    expect(run).toMatchObject({ id: 'run-1' });
    expect(await readFile(join(to, 'artifacts', 'samples.jsonl'), 'utf8')).toBe('["page",1]\n');
  });

  test('is incomplete when one VNF cannot be captured, which is told, and the other is exported all the same', async () => {
    const { told, errors, verdicts, record, keep } = capturing({ fails: ['vnf-web'] });
    await keep();
    expect(told).toEqual(['release db@1', 'forensic: incomplete']);
    expect(errors).toEqual([
      expect.stringContaining('The evidence of VNF "vnf-web" is incomplete: guest agent silent'),
    ]);
    expect(verdicts).toEqual([{ evidence: 'incomplete' }]);
    expect(record.packages).toMatchObject([{ file: packageOf('db') }]);
  });

  test('waits for a harness that woke up in the middle of it, and ends what it had begun', async () => {
    const { errors, verdicts, keep } = capturing({ busy: 3 });
    await keep();
    expect([errors, verdicts]).toEqual([[], [{ evidence: 'exported' }]]);
  });

  test('is not captured by a harness whose run was taken over: what is in quarantine is left as it is', async () => {
    const mustBeHeld = () => {
      throw new OrdealError('lease-lost', 'Run run-1 was taken over by another process');
    };
    const { told, errors, keep } = capturing({ mustBeHeld });
    await keep();
    expect(told).toEqual(['forensic: incomplete']);
    expect(errors).toEqual([expect.stringContaining('was taken over'), expect.stringContaining('was taken over')]);
  });

  test('is incomplete when a failed one was deleted by somebody, which is told, and nobody waits for it any more', async () => {
    const { told, errors, verdicts, record, keep } = capturing({ gone: ['web@1'] });
    await keep();
    expect(told).toEqual(['release web@1', 'release db@1', 'forensic: incomplete']);
    expect([errors, verdicts]).toEqual([[], [{ evidence: 'incomplete' }]]);
    expect(record.errors).toEqual(['Nothing is left of the failed web to capture: somebody has deleted it']);
    expect(record.packages).toMatchObject([{ file: packageOf('db') }]);
  });

  test('of nothing is not exported', async () => {
    const { told, verdicts, keep } = capturing({ quarantined: [] });
    await keep();
    expect([told, verdicts]).toEqual([['forensic: incomplete'], [{ evidence: 'incomplete' }]]);
  });
});
