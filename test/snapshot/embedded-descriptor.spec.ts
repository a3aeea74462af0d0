import { expect, test } from '@playwright/test';
import { NfvoRelay } from '../../harness/snapshot/engine.js';
import { grantPolicy, PolicyGrant } from '../../harness/snapshot/grant/policy-grant.js';
import { NotificationHub } from '../../harness/snapshot/notification/hub.js';
import { powerOff, powerOn } from '../../harness/snapshot/power.js';
import { embeddedMachine } from './embedded-machine.js';
import { booted, type Content, type EmbeddedWorld, embeddedWorld } from './embedded-world.js';

const request = { vnf: 'web', name: 'n', purpose: 'manual' } as const;
const vim = '@vim:embedded';

let world: EmbeddedWorld;
let value = 0;
test.beforeAll(async () => {
  world = await embeddedWorld();
});
test.afterAll(() => world?.[Symbol.asyncDispose]());

/** Both VNFCs of "web" get a state of their own. @returns it */
async function changed(): Promise<readonly [Content, Content]> {
  await world.work('web-1', ++value);
  await world.work('web-2', ++value);
  return both();
}
const both = async () => [await world.content('web-1'), await world.content('web-2')] as const;

test('a VNF that forbids snapshots is not captured, and one that forbids reversion is not reverted', {
  tag: [vim, '@Vnfsd.001', '@Vnfsd.002'],
}, async () => {
  await using shy = await embeddedMachine(world, { web: { creationAllowed: false } });
  await expect(shy.engine.create(request)).rejects.toMatchObject({ kind: 'snapshot-forbidden' });
  expect(await shy.stored()).toBe(0);
  await using stern = await embeddedMachine(world, { web: { reversionAllowed: false } });
  const { id } = await stern.engine.create(request);
  const later = await changed();
  await expect(stern.engine.revert(id)).rejects.toMatchObject({ kind: 'snapshot-forbidden' });
  expect(await both()).toEqual(later);
});

test('VNFCs that are not to be included, or that forbid it, are left out, and the snapshot says so', {
  tag: [vim, '@Vnfsd.003', '@CO-selective'],
}, async () => {
  for (const [web, reason] of [
    [{ vnfcIds: ['web-1'] }, /Vnfsd\.003/],
    [{ vnfcs: { 'web-2': { forbidden: true } } }, /forbids/],
  ] as const) {
    await using machine = await embeddedMachine(world, { web });
    const [before] = await changed();
    const made = await machine.engine.create(request);
    expect(made.vnfcSnapshots.map((s) => s.vnfcInstanceId)).toEqual(['web-1']);
    expect(made.userDefinedData.excluded).toEqual([{ vnfcId: 'web-2', reason: expect.stringMatching(reason) }]);
    const [, later] = await changed();
    await machine.engine.revert(made.id);
    expect(await both()).toEqual([before, later]);
  }
});

test('only the volumes that are named are captured, and only they come back', {
  tag: [vim, '@Vnfsd.016'],
}, async () => {
  await using machine = await embeddedMachine(world, { web: { vnfcs: { 'web-1': { volumes: [] } } } });
  const [one, two] = await changed();
  const made = await machine.engine.create(request);
  expect(made.userDefinedData.excluded).toEqual([
    { vnfcId: 'web-1', diskId: 'data', reason: expect.stringContaining('Vnfsd.016') },
  ]);
  const [later] = await changed();
  await machine.engine.revert(made.id);
  expect(await both()).toEqual([[one[0], later[1]], two]);
});

test('a snapshot is taken within its windows and not outside of them', { tag: [vim, '@Vnfsd.004'] }, async () => {
  const web = { windows: [{ days: ['mon'], start: '02:00', end: '04:00', timeZone: 'Europe/Paris' }] };
  await using night = await embeddedMachine(world, { web }, { now: () => new Date('2026-11-23T01:30:00Z') });
  await night.engine.create(request);
  await using day = await embeddedMachine(world, { web }, { now: () => new Date('2026-11-23T03:30:00Z') });
  await expect(day.engine.create(request)).rejects.toMatchObject({ kind: 'outside-window' });
});

test('each VNFC is captured cold or warm as its descriptor says: the cold one boots from its disk', {
  tag: [vim, '@Vnfsd.005', '@CO-cold-warm'],
}, async () => {
  await using machine = await embeddedMachine(world, { web: { vnfcs: { 'web-1': { type: 'cold' } } } });
  const [one, two] = await changed();
  const made = await machine.engine.create(request);
  expect(made.vnfcSnapshots.map((s) => s.userDefinedData.type)).toEqual(['cold', 'warm']);
  await changed();
  await machine.engine.revert(made.id);
  expect(await both()).toEqual([[booted, one[1]], two]);
});

test('the techniques that the VIM names are used, and the others are refused with its reason before anything is touched', {
  tag: [vim, '@Vnfsd.006', '@Vnfsd.007', '@GAP-1', '@GAP-2'],
}, async () => {
  const options = { memory: 'external', disk: { file: 'external', copy: 'sequential' } };
  await using machine = await embeddedMachine(world, { web: { vnfcs: { 'web-1': options } } });
  const made = await machine.engine.create(request);
  expect(made.vnfcSnapshots[0]?.userDefinedData.memory).toMatchObject({ technique: 'external' });
  expect((await machine.engine.planCreation(request)).lines.join('\n')).toContain('memory external');
  for (const [asked, reason] of [
    [{ memory: 'internal' }, /TQ-memory\.internal \(disks are raw/],
    [{ disk: { file: 'internal' } }, /TQ-disk\.internal \(disks are raw/],
    [{ disk: { copy: 'incremental' } }, /TQ-disk\.incremental \(disks are copied whole/],
  ] as const) {
    await using other = await embeddedMachine(world, { web: { vnfcs: { 'web-1': asked } } });
    const stored = await other.stored();
    await expect(other.engine.create(request)).rejects.toThrow(reason);
    expect(await other.stored()).toBe(stored);
  }
});

test('a target host is named in a reversion, and a VIM that has no other says so before anything is touched', {
  tag: [vim, '@GAP-2'],
}, async () => {
  await using machine = await embeddedMachine(world);
  const made = await machine.engine.create(request);
  const later = await changed();
  await expect(machine.engine.revert(made.id, { host: 'host-2' })).rejects.toThrow(/OP-revert\.host \(.*one host/);
  expect(await both()).toEqual(later);
});

test('a consistent snapshot is one cut of which the VNF is told; without consistency it is not told', {
  tag: [vim, '@Vnfsd.008', '@CO-consistent', '@VeVnfmvnf-Vsn.001', '@VeVnfmvnf-Vsn.002', '@VeVnfmvnf-Vsn.003'],
}, async () => {
  for (const consistent of [true, false]) {
    const told: string[] = [];
    const notification = new NotificationHub();
    using _ = notification.subscribe({ vnf: 'web' }, async ({ event, vnfcInstanceIds }) => {
      const at = await world.vim.inspect(await world.vim.locate('web-1'));
      told.push(`${event} ${vnfcInstanceIds} ${at.powerState}`);
    });
    await using machine = await embeddedMachine(world, { web: { consistent } }, { notification });
    const made = await machine.engine.create(request);
    await machine.engine.revert(made.id);
    expect(made.userDefinedData.cut).toMatchObject({ consistent, skewMs: expect.any(Number) });
    const events = ['creation-start', 'creation-end', 'reversion-start', 'reversion-end'];
    expect(told).toEqual(consistent ? events.map((e) => `${e} web-1,web-2 on`) : []);
  }
});

test('a VNFC is captured when it is powered off, and goes on from there when it is powered on', {
  tag: [vim, '@Vnfsd.013', '@Vnfsd.014', '@CO-power-states'],
}, async () => {
  const web = { vnfcs: { 'web-1': { whenPoweredOff: 'yes', revertWhenPoweredOn: true }, 'web-2': {} } };
  await using machine = await embeddedMachine(world, { web });
  const [one, two] = await changed();
  const made = await powerOff(machine.engine, 'web');
  expect(made?.vnfcSnapshots.map((s) => [s.vnfcInstanceId, s.userDefinedData.type])).toEqual([['web-1', 'warm']]);
  for (const id of ['web-1', 'web-2']) {
    expect(await world.vim.inspect(await world.vim.locate(id))).toMatchObject({ powerState: 'off' });
  }
  expect(await powerOn(machine.engine, 'web')).toEqual({ 'web-1': made?.id });
  expect(await both()).toEqual([one, [booted, two[1]]]);
});

test('the NFVO is asked as the policies say, and what it refuses is not done', {
  tag: [vim, '@Vnfsd.015', '@Nfvo.001'],
}, async () => {
  const grant = new PolicyGrant(
    grantPolicy.parse({ rules: [{ operations: ['revertToSnapshot', 'deletePackage'], decision: 'deny' }] }),
  );
  await using machine = await embeddedMachine(world, { web: { grants: { queryPackage: 'not-required' } } }, { grant });
  const made = await machine.engine.create(request);
  const later = await changed();
  await expect(machine.engine.revert(made.id)).rejects.toMatchObject({ kind: 'grant-denied' });
  expect(await both()).toEqual(later);
  const pack = await machine.packages.create({ vnfSnapshotId: made.id });
  await machine.packages.query();
  await expect(machine.packages.delete(pack.id)).rejects.toMatchObject({ kind: 'grant-denied' });
  expect(await machine.packages.query()).toHaveLength(1);
  expect(grant.decisions.map((d) => [d.request.operation, d.granted])).toEqual([
    ['createSnapshot', true],
    ['revertToSnapshot', false],
    ['createPackage', true],
    ['deletePackage', false],
  ]);
  await using alone = await embeddedMachine(world, { web: { grants: { createSnapshot: 'required' } } });
  await expect(alone.engine.create(request)).rejects.toMatchObject({ kind: 'grant-denied' });
});

test('a new snapshot replaces the previous one or is kept beside it, as the descriptor says', {
  tag: [vim, '@CO-replace'],
}, async () => {
  for (const replacePrevious of [true, false]) {
    await using machine = await embeddedMachine(world, { web: { replacePrevious } });
    const first = await machine.engine.create(request);
    const second = await machine.engine.create(request);
    const kept = machine.engine.list().map((s) => s.id);
    expect(kept.sort()).toEqual(replacePrevious ? [second.id] : [first.id, second.id].sort());
    expect(await machine.stored()).toBe(replacePrevious ? 2 : 4);
  }
});

test('EM and OSS/BSS ask for creation and reversion through lifecycle management, and are told the result', {
  tag: [vim, '@VeVnfmem-Vlm.001', '@VeVnfmem-Vlm.002', '@OsMaNfvo-Nslm.001', '@OsMaNfvo-Nslm.002'],
}, async () => {
  for (const [sender, mode] of [
    ['EM', 'direct'],
    ['OSS/BSS', 'indirect'],
  ] as const) {
    const relay = new NfvoRelay(new Map([['embedded', world.vim]]));
    await using machine = await embeddedMachine(world, {}, { mode, relay });
    const before = await changed();
    const made = await machine.engine.create({ ...request, sender });
    await changed();
    await machine.engine.revert(made.id, { sender });
    expect(await both()).toEqual(before);
    const told = machine.trace.filter((s) => s.from === sender || s.to === sender);
    expect(told.map((s) => `${s.clause} ${s.step} ${s.from}>${s.to} ${s.outcome}`)).toEqual([
      ...[`6.5.1 1 ${sender}>VNFM done`, `6.5.1 14 VNFM>${sender} done`],
      ...[`6.5.2 1 ${sender}>VNFM done`, `6.5.2 13 VNFM>${sender} done`],
    ]);
    expect(relay.calls.some((c) => c.what.startsWith('revert to'))).toBe(mode === 'indirect');
  }
});

test('packages are created, queried by filter, exported, imported, extracted and deleted by the VNFM', {
  tag: [
    ...[vim, '@Vnfm.005', '@Vnfm.006', '@Vnfm.007', '@Vnfm.009', '@PR-6.7.5', '@PR-6.7.6'],
    ...['@OrVnfm-Vspm.001', '@OrVnfm-Vspm.002', '@OrVnfm-Vspm.003', '@OrVnfm-Vspm.004', '@OrVnfm-Vspm.005'],
  ],
}, async () => {
  await using here = await embeddedMachine(world);
  const before = await changed();
  const made = await here.engine.create(request);
  const whole = await here.packages.create({ vnfSnapshotId: made.id, name: 'whole' });
  const part = await here.packages.createVnfc({ vnfSnapshotId: made.id, vnfcId: 'web-2', name: 'part' });
  const found = await here.packages.query({ filter: { where: '(eq,name,part)' }, fields: ['isFullSnapshot'] });
  expect(found).toEqual([{ id: part.id, isFullSnapshot: false }]);
  const to = `${here.folder}/out.zip`;
  expect(await here.packages.export({ packageId: whole.id, to })).toMatchObject({ sha256: whole.checksum?.hash });
  await here.packages.delete(part.id);
  await expect(here.packages.delete(part.id)).rejects.toMatchObject({ kind: 'snapshot-missing' });
  await changed();

  await using there = await embeddedMachine(world);
  const imported = await there.packages.import({ from: to });
  const extracted = await there.packages.extract({ packageId: imported.id });
  await there.engine.revert(extracted.id);
  expect(await both()).toEqual(before);
});
