import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';
import { bin } from './ordeal.js';

/** What a process loads is most of the time that it takes to be up: for who stops a run, and for who must heal one. */
const lister = join(packageRoot, 'dist', 'test', 'cli', 'list-modules.js');

let folder: string;
test.beforeEach(async () => {
  folder = await temporaryFolder('boot');
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

/** @returns how many modules of Ordeal, and which packages */
async function loaded(entry: string, ...args: string[]): Promise<{ own: number; packages: string[] }> {
  const list = join(folder, 'modules');
  await promisify(execFile)(process.execPath, ['--import', lister, entry, ...args], {
    cwd: folder,
    env: { ...process.env, ORDEAL_TEST_MODULES: list },
  });
  const urls = [...new Set((await readFile(list, 'utf8')).split('\n'))];
  const packages = urls.flatMap(
    (url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(url)?.[1] ?? [],
  );
  const own = urls.filter((url) => url.includes('/dist/harness/')).length;
  return { own, packages: [...new Set(packages)] };
}

/** Vendors' clients, and what only some probe, package, report or front needs. */
const heavy = [
  ...['undici', 'yaml', 'dockerode', '@kubernetes/client-node', 'binaryen', 'assemblyscript', 'snappy'],
  ...['@peculiar/asn1-cms', '@peculiar/asn1-schema', '@peculiar/asn1-x509', '@xmldom/xmldom', 'allure', 'croner'],
  ...['@cucumber/cucumber', '@playwright/test', 'csv-parse', 'yazl', 'yauzl', 'vscode-jsonrpc', 'd3-scale'],
];

for (const args of [['status'], ['stop', '--all'], ['--state', 'run', 'status', '--json']]) {
  test(`\`ordeal ${args.join(' ')}\` loads what it needs, and no more`, async () => {
    const { own, packages } = await loaded(bin, ...args);
    expect(packages.filter((name) => heavy.includes(name))).toEqual([]);
    expect(own).toBeLessThanOrEqual(25);
  });
}

test('a guard watches before it has loaded what it would recover with, and loads no vendor’s client for that', async () => {
  const guard = join(packageRoot, 'dist', 'harness', 'online-test', 'guard-main.js');
  const { packages } = await loaded(guard, folder, 'no-such-run', '');
  const forSome = heavy.filter((name) => !['yazl', 'yauzl'].includes(name));
  expect(packages.filter((name) => forSome.includes(name))).toEqual([]);
});

test('the help tells all commands, also where a command is not recognised', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [bin, '--help']);
  for (const name of ['run', 'plan', 'capabilities', 'services', 'snapshot', 'package', 'report', 'judge', 'history'])
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  for (const name of ['schedule', 'status', 'stop', 'recover']) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(stdout).not.toMatch(/^ {2}hosted/m);
  const failed = promisify(execFile)(process.execPath, [bin, 'statsu']);
  await expect(failed).rejects.toMatchObject({ stderr: expect.stringContaining('Did you mean status?') });
});
