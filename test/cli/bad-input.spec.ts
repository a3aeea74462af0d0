import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';
import { type Outcome, ordeal } from './ordeal.js';

const sample = join(packageRoot, 'scenarios', 'session-gateway');

let folder: string;
test.beforeEach(async () => {
  folder = await temporaryFolder('cli');
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

/** A copy of the sample service in the test's folder, changed. */
async function service(change: (yaml: string) => string): Promise<string> {
  const file = join(folder, 'service.yaml');
  await writeFile(file, change(await readFile(join(sample, 'service.yaml'), 'utf8')));
  for (const part of ['build', 'vnfd']) {
    await mkdir(join(folder, part));
    for (const name of await readdir(join(sample, part)))
      await copyFile(join(sample, part, name), join(folder, part, name));
  }
  return file;
}

async function feature(steps: string): Promise<string> {
  const file = join(folder, 'my.feature');
  await writeFile(file, `Feature: mine\n  Scenario: one\n${steps.replace(/^ */gm, '    ')}\n`);
  return file;
}

const runs = (given: string, when = 'When the VNFC "store-1" crashes') =>
  feature(`Given the network service "${given}" is running\n${when}\nThen the service quality is as before`);

/** One message that helps, the right exit code, no stack trace, nothing left behind. */
async function expectRefusal({ code, stdout, stderr }: Outcome, exitCode: number, ...says: RegExp[]): Promise<void> {
  for (const text of says) expect(stderr).toMatch(text);
  expect(code, stderr).toBe(exitCode);
  expect(stdout + stderr).not.toMatch(/^\s+at .*\.js:\d+/m);
  expect(stderr.match(/^ordeal: /gm)).toHaveLength(1);
  expect((await readdir(folder)).filter((f) => f === 'reports')).toEqual([]);
}

test('an unknown VNFC is refused with the VNFCs that there are', async () => {
  await runs('session-gateway', 'When the VNFC "store-9" crashes');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    7,
    /scenario "one": VNFC "store-9" is not in the service "session-gateway"/,
    /expected one of lb, worker-1, worker-2, store-1, store-2, got store-9/,
  );
});

test('an unknown virtual link is refused with the links that there are', async () => {
  await runs('session-gateway', 'When the virtual link "sideways" is cut');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    7,
    /Virtual link "sideways".*expected one of front, back/,
  );
});

test('a descriptor that is not well-formed YAML is refused with line and column', async () => {
  await service((yaml) => yaml.replace('vnfs:', 'vnfs: ]['));
  await runs('service.yaml');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    3,
    /service\.yaml is not well-formed YAML/,
    /service\.yaml:\d+:\d+:/,
  );
});

test('a value of the wrong type is refused with its path, line and value', async () => {
  await service((yaml) => yaml.replace(/expectedRecoveryMs: .*/, 'expectedRecoveryMs: soon'));
  await runs('service.yaml');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    3,
    /service\.yaml:\d+: expectedRecoveryMs: .*got "soon"/,
  );
});

test('a key that the descriptor does not have is refused, not ignored', async () => {
  await service((yaml) => `${yaml}\nexpectedRecovery: 3\n`);
  await runs('service.yaml');
  await expectRefusal(await ordeal(folder, 'run', 'my.feature'), 3, /expectedRecovery/);
});

test('a missing WebAssembly file is refused before anything starts', async () => {
  await service((yaml) => yaml.replace('build/lb.wasm', 'build/nothing.wasm'));
  await runs('service.yaml');
  await expectRefusal(await ordeal(folder, 'run', 'my.feature'), 4, /nothing\.wasm/);
});

test('a file that is no WebAssembly is refused before anything starts', async () => {
  await service((yaml) => yaml);
  await writeFile(join(folder, 'build', 'lb.wasm'), 'hello');
  await runs('service.yaml');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    8,
    /lb\.wasm: The WebAssembly module cannot run as a VNFC/,
  );
});

test('a port in use is refused with the port and the connection point', async () => {
  const blocker = createServer();
  await new Promise<void>((listening) => blocker.listen(0, '127.0.0.1', listening));
  const { port } = blocker.address() as { port: number };
  try {
    await service((yaml) => yaml.replace(/external: *\{[^}]*\}/, `external: { protocol: http, port: ${port} }`));
    const outcome = await ordeal(folder, 'services', 'start', 'service.yaml');
    await expectRefusal(outcome, 9, new RegExp(`${port}`), /lb/);
    await expectRefusal(await ordeal(folder, 'services', 'show', 'service.yaml'), 16);
  } finally {
    blocker.close();
  }
});

test('an undefined step is refused with its line, and nothing is started', async () => {
  await feature('Given the network service "session-gateway" is running\nWhen the moon is full\nThen all is well');
  await expectRefusal(
    await ordeal(folder, 'run', 'my.feature'),
    6,
    /my\.feature:4: "the moon is full" is no step that Ordeal knows/,
    /my\.feature:5: "all is well"/,
  );
});

test('a feature that is not Gherkin is refused', async () => {
  await writeFile(
    join(folder, 'my.feature'),
    'Feature: x\n  Scenario: y\n    Given a service\n    Perhaps something\n',
  );
  await expectRefusal(await ordeal(folder, 'run', 'my.feature'), 3, /not well-formed Gherkin/, /my\.feature/);
});

test('a scenario without steps does not pass', async () => {
  await writeFile(join(folder, 'my.feature'), 'Feature: x\n  Scenario: y\n    Perhaps something\n');
  await expectRefusal(await ordeal(folder, 'run', 'my.feature'), 3, /scenario "y" has no steps/);
});

test('a feature that is not there is refused', async () => {
  await expectRefusal(await ordeal(folder, 'run', 'nothing.feature'), 4, /no scenario to run/);
});

test('a fault beyond the blast radius is refused with the limit', async () => {
  await runs('session-gateway', 'When the VNFC "store-1" crashes\nAnd the VNFC "store-2" crashes');
  await expectRefusal(await ordeal(folder, 'run', 'my.feature'), 19, /would be struck: expected at most 1/);
});

test('an unknown flag and an unknown command are usage errors', async () => {
  expect((await ordeal(folder, 'run', '--explode')).code).toBe(2);
  expect((await ordeal(folder, 'explode')).code).toBe(2);
  expect(await readdir(folder)).toEqual([]);
});

test('with --json a refusal is JSON', async () => {
  await runs('session-gateway', 'When the VNFC "store-9" crashes');
  const { code, stderr, stdout } = await ordeal(folder, 'run', 'my.feature', '--json');
  expect(code).toBe(7);
  expect(stdout).toBe('');
  expect(JSON.parse(stderr)).toMatchObject({ error: { kind: 'unknown-target', got: 'store-9' } });
});
