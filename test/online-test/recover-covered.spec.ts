import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { JournalAction } from '../../harness/model/journal.js';
import { verifyPackage } from '../../harness/package/index.js';
import { exported, openMachine } from '../package/package-bench.js';
import { compute, DeadRuns, fault, gone, look } from './dead-runs.js';
import { baselineOf } from './recovery-fakes.js';

let dead: DeadRuns;
const switched: JournalAction = {
  type: 'switch-over',
  vim: 'fake',
  pairs: [{ resource: 'web', from: 'web@1', to: 'web@2' }],
};

test.beforeEach(async () => {
  dead = await DeadRuns.open();
});

test.afterEach(async () => {
  await dead[Symbol.asyncDispose]();
});

test.describe('a run that was covered', () => {
  test('is looked at: as before, nothing is restored, and the record says who died', async () => {
    dead.run([await baselineOf(dead.stateFolder), fault], { stopBy: 'ann' });
    const { told, steps } = await dead.recovered();
    expect(steps).toEqual([
      ['done', 'heal stall on web'],
      ['done', look],
    ]);
    expect(told).toEqual(['recover', 'heal', 'closed']);
    expect(dead.journal.run('run-1')?.closed).toBe(true);
    const told_ = await dead.record();
    expect(told_).toMatchObject({
      ...{ id: 'run-1', title: 'a crash', service: 'svc-run-1', exitCode: 22 },
      verdicts: { service: 'inconclusive', restoration: 'not-needed', evidence: 'not-needed' },
      stopped: { cause: 'stop-request', reason: 'The run was stopped by ann' },
      plan: [`Recovery of run-1, whose process ${gone} died or hung`],
      environment: { seed: '1' },
    });
    expect(told_.errors).toEqual([
      `Process ${gone} of the run died or hung. The run was recovered by another process.`,
    ]);
    expect(existsSync(join(dead.outFolder, 'recovery-samples.jsonl'))).toBe(true);
  });

  test('and was not stopped by anybody says so', async () => {
    dead.run([await baselineOf(dead.stateFolder)]);
    await dead.recovered();
    expect((await dead.record()).stopped).toBeUndefined();
  });

  test('is inconclusive when too little can be measured: closed, and told', async () => {
    dead.run([await baselineOf(dead.stateFolder)]);
    const { steps } = await dead.recovered({}, 3);
    expect(steps).toEqual([['inconclusive', look, expect.stringMatching(/errorRatio of page: /)]]);
    expect(dead.journal.run('run-1')?.closed).toBe(true);
  });

  test('is restored when it is not as before, and the run stays open until it is', async () => {
    dead.server.answer = (_, response) => response.writeHead(503).end();
    dead.run([await baselineOf(dead.stateFolder)]);
    const { told, steps } = await dead.recovered({ fails: ['restoreAsNew'] });
    expect(told).toEqual([
      ...['recover', 'quarantine web@1 run-1', 'restoreAsNew snap-1'],
      ...['unquarantine web@1 run-1', 'closed'],
    ]);
    expect(steps).toEqual([['failed', look, 'restoreAsNew failed']]);
    expect(dead.journal.run('run-1')?.closed).toBe(false);
    expect(dead.journal.open('run-1').map((e) => e.action.type)).toContain('covered');
    const { verdicts, exitCode, errors } = await dead.record();
    expect([verdicts.service, verdicts.restoration, exitCode]).toEqual(['failed', 'not-restored', 32]);
    expect(errors).toContain('restoreAsNew failed');
  });

  test('is open still when it is not as before though it was restored, and says so', async () => {
    dead.server.answer = (_, response) => response.writeHead(503).end();
    dead.run([await baselineOf(dead.stateFolder)]);
    const { told, steps } = await dead.recovered();
    expect(told).toEqual([
      ...['recover', 'quarantine web@1 run-1', 'restoreAsNew snap-1'],
      ...['switchOver web@2', 'capture', 'closed'],
    ]);
    expect(steps).toEqual([
      ['failed', look, 'The service is not as before: got restoration not-restored, exit code 32.'],
    ]);
    expect((await dead.record()).verdicts).toMatchObject({ service: 'failed', restoration: 'not-restored' });
    expect(dead.journal.open('run-1').map((e) => e.action.type)).toContain('covered');
    expect(dead.journal.run('run-1')?.closed).toBe(false);
  });

  test('whose switch had happened has its evidence kept, and stays open when that cannot be', async () => {
    dead.run([await baselineOf(dead.stateFolder), { type: 'quarantine', ...compute }]);
    const { told, steps } = await dead.recovered({ placed: 'web@2' });
    expect(told).toEqual(['recover', 'capture', 'closed']);
    expect(steps).toEqual([
      ['done', expect.any(String)],
      [
        ...['failed', look],
        expect.stringMatching(
          /^Not all that failed could be captured: got The evidence of VNF "front" is incomplete: nothing can be captured\..*It stays in quarantine, and `ordeal recover` tries again\.$/,
        ),
      ],
    ]);
    expect((await dead.record()).verdicts).toMatchObject({
      ...{ service: 'failed', restoration: 'restored', evidence: 'incomplete' },
    });
    expect(dead.journal.open('run-1').map((e) => e.action.type)).toEqual(['quarantine']);
    expect(dead.journal.run('run-1')?.closed).toBe(false);
  });

  test('which had restored the service already, and died before what failed was captured, has that done', async () => {
    dead.run([await baselineOf(dead.stateFolder), { type: 'quarantine', ...compute }]);
    const [cover] = dead.journal.entries('run-1');
    dead.journal.settle(cover!.id);
    const { told } = await dead.recovered({ placed: 'web@2' });
    expect(told).toEqual(['recover', 'capture', 'closed']);
  });

  test('which had given its service back, with nothing left to capture, is not looked at again', async () => {
    const covered = await baselineOf(dead.stateFolder);
    const { samplesFile } = covered as Extract<JournalAction, { type: 'covered' }>;
    dead.run([covered, fault]);
    const [cover] = dead.journal.entries('run-1');
    dead.journal.settle(cover!.id);
    const { told, steps } = await dead.recovered();
    expect(told).toEqual(['recover', 'heal', 'closed']);
    expect(steps).toEqual([
      ['done', 'heal stall on web'],
      ['done', 'write the record of the run'],
    ]);
    expect(await dead.record()).toMatchObject({
      ...{
        id: 'run-1',
        title: 'a crash',
        exitCode: 22,
        packages: [],
        errors: [expect.any(String)],
        samplesFile: basename(samplesFile),
      },
      verdicts: { service: 'inconclusive', restoration: 'not-needed', evidence: 'not-needed' },
    });
    expect(existsSync(join(dead.outFolder, 'recovery-samples.jsonl'))).toBe(false);
    expect(dead.journal.run('run-1')?.closed).toBe(true);
  });

  test('which had captured all that failed, and died before it wrote its record, has that written', async () => {
    await using machine = await openMachine();
    const { file } = await exported(machine);
    dead.settled([await baselineOf(dead.stateFolder), switched, { type: 'package', file }]);
    const { told, steps } = await dead.recovered({ placed: 'web@2' });
    expect([told, steps]).toEqual([['recover', 'closed'], [['done', 'write the record of the run']]]);
    const { verdicts, packages, errors } = await dead.record();
    expect(verdicts).toMatchObject({ service: 'failed', restoration: 'restored', evidence: 'exported' });
    expect(packages).toEqual([
      { file, vnf: 'out.zip', sha256: (await verifyPackage(file)).sha256, bytes: (await stat(file)).size },
    ]);
    expect(errors).toHaveLength(1);
  });

  test('whose package has gone since says so in the record that it did not come to write', async () => {
    const file = join(dead.stateFolder, 'front.vnf-snapshot.zip');
    dead.settled([await baselineOf(dead.stateFolder), switched, { type: 'package', file }]);
    await dead.recovered({ placed: 'web@2' });
    const { verdicts, packages, errors } = await dead.record();
    expect([verdicts.restoration, verdicts.evidence, packages]).toEqual(['restored', 'incomplete', []]);
    expect(errors[1]).toContain(file);
  });

  test('of two packages of which one is not sound says that the evidence is incomplete, and names the sound one', async () => {
    await using machine = await openMachine();
    const { file: sound } = await exported(machine);
    const broken = join(dead.stateFolder, 'back.vnf-snapshot.zip');
    await writeFile(broken, 'no archive');
    const packages: JournalAction[] = [sound, broken].map((file) => ({ type: 'package', file }));
    dead.settled([await baselineOf(dead.stateFolder), switched, ...packages]);
    await dead.recovered({ placed: 'web@2' });
    const record = await dead.record();
    expect(record.packages.map((p) => p.file)).toEqual([sound]);
    expect(record.verdicts).toMatchObject({ restoration: 'restored', evidence: 'incomplete' });
    expect(record.errors[1]).toContain(broken);
  });

  test('that was restored and had no package yet says that the evidence is incomplete, and nothing else', async () => {
    dead.settled([await baselineOf(dead.stateFolder), switched]);
    await dead.recovered({ placed: 'web@2' });
    const { verdicts, packages, errors } = await dead.record();
    expect(verdicts).toMatchObject({ service: 'failed', restoration: 'restored', evidence: 'incomplete' });
    expect([packages, errors.length]).toEqual([[], 1]);
  });

  test('which has written its record keeps it', async () => {
    dead.settled([await baselineOf(dead.stateFolder), switched]);
    await mkdir(dead.outFolder, { recursive: true });
    await writeFile(join(dead.outFolder, 'run.json'), 'its own');
    const { steps } = await dead.recovered({ placed: 'web@2' });
    expect(steps).toEqual([]);
    expect(await readFile(join(dead.outFolder, 'run.json'), 'utf8')).toBe('its own');
    expect(dead.journal.run('run-1')?.closed).toBe(true);
  });

  test('twice, of which it had given back the first, is looked at for the second alone', async () => {
    const covered = await baselineOf(dead.stateFolder);
    dead.run([covered, { ...covered, title: 'a stall' }]);
    const [first] = dead.journal.entries('run-1');
    dead.journal.settle(first!.id);
    const { steps } = await dead.recovered();
    expect(steps).toEqual([['done', look]]);
    expect((await dead.record()).title).toBe('a stall');
    expect(dead.journal.open('run-1')).toEqual([]);
  });
});
