import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { CapabilityError, type CapabilityRow, no } from '../../harness/model/capability.js';
import type { Vim } from '../../harness/model/vim.js';
import { planOnlineTest } from '../../harness/online-test/plan.js';
import type { OnlineTestRequest } from '../../harness/online-test/request.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The sample service, which does not run: a plan needs nothing more. */
let stateFolder: string;
let session: ServiceSession;

const open = async (wrapVim?: (vim: Vim) => Vim) =>
  ServiceSession.open(await readService(join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml')), {
    stateFolder,
    ...(wrapVim === undefined ? {} : { wrapVim }),
  });

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('plan');
  session = await open();
});

test.afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

const crash = { kind: 'crash', target: { vnfc: 'worker-1' } };
const request = (more: Partial<OnlineTestRequest> = {}): OnlineTestRequest => ({
  title: 'planned',
  front: 'library',
  faults: [crash],
  ...more,
});
const plan = (more: Partial<OnlineTestRequest> = {}) => planOnlineTest(session, request(more));

test.afterEach('a plan touches nothing', async () => {
  expect(session.journal.runs()).toEqual([]);
  expect(existsSync(join(stateFolder, 'out'))).toBe(false);
  const services = existsSync(join(stateFolder, 'embedded')) ? await readdir(join(stateFolder, 'embedded')) : [];
  expect(services.filter((s) => s !== 'modules')).toEqual([]);
});

test('what a request leaves out comes from the descriptor, or is the default', async () => {
  const planned = await plan();
  expect(planned).toMatchObject({ baselineMs: 5000, measureMs: 5000, expectedRecoveryMs: 3000, stopConditions: [] });
  expect(planned.area.map((v) => v.id)).toEqual(['gateway']);
  expect(planned.faults).toMatchObject([{ kind: 'crash', params: {}, afterMs: 0 }]);
  expect(planned.snapshotType).toBeUndefined();
  const other = await plan({ baselineMs: 2000, expectedRecoveryMs: 700, seed: 5, snapshotType: 'cold' });
  expect(other).toMatchObject({
    baselineMs: 2000,
    measureMs: 2000,
    expectedRecoveryMs: 700,
    seed: 5,
    snapshotType: 'cold',
  });
  expect((await plan({ measureMs: 900 })).measureMs).toBe(900);
});

test('the tested area is what the faults strike and what is named besides', async () => {
  const area = async (more: Partial<OnlineTestRequest>) => (await plan(more)).area.map((v) => v.id);
  expect(await area({ around: ['session-store'] })).toEqual(['gateway', 'session-store']);
  const delay = { kind: 'delay', params: { delayMs: 50 } };
  expect(await area({ faults: [{ ...delay, target: { link: 'front' } }] })).toEqual(['gateway']);
  expect(await area({ faults: [{ ...delay, target: { link: 'back' } }] })).toEqual(['gateway', 'session-store']);
  const way = { link: 'back', from: 'store-1', to: 'store-2' };
  expect(await area({ faults: [{ kind: 'partition', target: way }] })).toEqual(['session-store']);
});

test('the plan reads as what will be done, in its order', async () => {
  const stopConditions = [{ kind: 'command', command: ['true'] }] as const;
  const { lines } = await plan({
    baselineMs: 2000,
    seed: 7,
    stopConditions: [{ ...stopConditions[0], command: ['true'] }],
  });
  expect(lines).toEqual([
    expect.stringMatching(/^Service session-gateway, recovered by: The load balancer/),
    'Baseline: sessions at 50 Hz, hits at 20 Hz, health at 20 Hz for 2 s',
    expect.stringMatching(/^Snapshot of gateway: planned in detail once the service runs/),
    'Fault: worker-1 crashes',
    'Stop at once when "true", run every 1000 ms, does not end with 0',
    'Judged 3 s after the injection (expected recovery time), over 2 s',
    'If not as before: quarantine lb, worker-1, worker-2; start new ones from the snapshots; switch over; forensic snapshot',
    'Seed 7',
  ]);
});

test('a composition is planned as the faults that it comes to', async () => {
  const stall = { kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 200 };
  const planned = await plan({
    faults: [{ sequence: [stall, { repeat: [crash], everyMs: 500, times: 2 }], pauseMs: 100 }],
  });
  expect(planned.faults.map((f) => [f.kind, f.afterMs])).toEqual([
    ['stall', 0],
    ['crash', 300],
    ['crash', 800],
  ]);
  expect(planned.lines).toEqual(expect.arrayContaining(['Fault: worker-1 crashes, 0.8 s after the first']));
});

test('what is drawn at random is the same for the same seed, and the seed is in the plan', async () => {
  const faults = [{ random: { kinds: ['stall', 'crash'], targets: [{ vnfc: 'worker-1' }], count: 5, overMs: 4000 } }];
  const drawn = async (seed?: number) => plan({ faults, ...(seed === undefined ? {} : { seed }) });
  const [a, b, c] = [await drawn(5), await drawn(5), await drawn(6)];
  expect(a.faults).toEqual(b.faults);
  expect(a.faults).not.toEqual(c.faults);
  const unnamed = await drawn();
  expect(unnamed.lines.at(-1)).toBe(`Seed ${unnamed.seed}`);
});

for (const [what, more, kind, message] of [
  ['no fault', { faults: [] }, 'scenario-invalid', /scenario "planned": No fault is named: expected at least one/],
  ['an unknown fault', { faults: [{ ...crash, kind: 'x' }] }, 'scenario-invalid', /There is no fault "x"/],
  [
    'a wrong dose',
    { faults: [{ kind: 'loss', target: { link: 'back' }, params: { ratio: 3 } }] },
    'scenario-invalid',
    /ratio/,
  ],
  ['a wrong composition', { faults: [{ repeat: [crash], everyMs: 0, times: 2 }] }, 'scenario-invalid', /every 0 ms/],
  [
    'an unknown VNFC',
    { faults: [{ ...crash, target: { vnfc: 'x' } }] },
    'unknown-target',
    /one of lb, worker-1.*nothing was touched/,
  ],
  [
    'an unknown link',
    { faults: [{ kind: 'link-cut', target: { link: 'x' } }] },
    'unknown-target',
    /expected one of front, back/,
  ],
  [
    'an unknown end of a way',
    { faults: [{ kind: 'partition', target: { link: 'back', from: 'x', to: 'store-1' } }] },
    'unknown-target',
    /VNFC "x"/,
  ],
  [
    'an unknown VNF',
    { around: ['x'] },
    'unknown-target',
    /VNF "x" is not in the service: expected|one of gateway, session-store/,
  ],
  [
    'too much at once',
    { faults: [crash, { kind: 'crash', target: { vnfc: 'worker-2' } }] },
    'blast-radius',
    /would be struck/,
  ],
  [
    'a stop condition on nothing',
    { stopConditions: [{ kind: 'probe', probe: 'x', indicator: 'errorRatio', above: 1 }] },
    'unknown-target',
    /names the probe "x"/,
  ],
  [
    'a stop condition without a threshold',
    { stopConditions: [{ kind: 'probe', probe: 'hits', indicator: 'errorRatio' }] },
    'scenario-invalid',
    /either above or below/,
  ],
] as const) {
  test(`a plan with ${what} is refused`, async () => {
    await expect(plan(more as Partial<OnlineTestRequest>)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
  });
}

test('the explicit word allows what the blast radius forbids', async () => {
  const both = [crash, { kind: 'crash', target: { vnfc: 'worker-2' } }];
  expect((await plan({ faults: both, allowBlastRadius: true })).faults).toHaveLength(2);
});

/** The VIM says that it cannot do these. */
const without =
  (...rows: CapabilityRow[]) =>
  (vim: Vim): Vim =>
    new Proxy(vim, {
      get(target, key) {
        if (key === 'capabilities') {
          return async () =>
            new Map([...(await target.capabilities()), ...rows.map((row) => [row, no('it was taken out')] as const)]);
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

for (const row of ['fault.crash', 'replacement', 'pause', 'OP-create.instance'] as const) {
  test(`a VIM that lacks ${row} is refused with its reason, before anything is touched`, async () => {
    await using lacking = await open(without(row));
    const refused = planOnlineTest(lacking, request());
    await expect(refused).rejects.toBeInstanceOf(CapabilityError);
    await expect(planOnlineTest(lacking, request())).rejects.toThrow(new RegExp(`${row}.*it was taken out`, 's'));
  });
}

test('a capability that nothing needs may be missing', async () => {
  await using lacking = await open(without('fault.stall', 'storage'));
  expect((await planOnlineTest(lacking, request())).faults).toHaveLength(1);
});
