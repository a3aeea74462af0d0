import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { parseDocument } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';
import type { ContainerHost } from './container-sample.js';

const scenario = join(packageRoot, 'scenarios', 'session-containers');

/** `ordeal run` on the sample scenarios, with its descriptor for this engine. Fails unless both end as they say. */
export async function runScenarios(host: ContainerHost): Promise<void> {
  const folder = join(host.folder, 'session-containers');
  await mkdir(folder);
  const service = parseDocument(
    (await readFile(join(scenario, 'service.yaml'), 'utf8'))
      .replaceAll(/\bdocker\b/g, host.kind)
      .replace('http://10.79.0.10:8080', await host.ports.reach('10.79.0.10:8080')),
  );
  for (const [key, value] of Object.entries(host.options)) service.setIn(['vims', host.kind, key], value);
  await writeFile(join(folder, 'service.yaml'), String(service));
  await copyFile(host.image, join(folder, 'image.tar'));
  await copyFile(join(scenario, 'online-testing.feature'), join(folder, 'online-testing.feature'));

  const feature = join(folder, 'online-testing.feature');
  const out = ['--state', join(folder, 'state'), '--out', join(folder, 'out')];
  const { code, said } = await ordeal(['run', feature, '--no-allure', ...out], folder);
  expect(code, said).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');
}

function ordeal(args: readonly string[], cwd: string): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'ordeal.js'), ...args], { cwd });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}
