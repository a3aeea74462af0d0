import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { parseDocument } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';
import { expect, test } from '../../hosts/containers/fixture.js';

test.describe.configure({ timeout: 240_000 });

const scenario = join(packageRoot, 'scenarios', 'session-containers');

test('the loop of `ordeal run` on real containers: one fault is survived, one is restored from, and nothing is left behind', {
  tag: ['@vim:docker', '@SYS-docker', '@UC-4.1.1.4', '@UC-4.1.1.7'],
}, async ({ dockerHost: host }) => {
  const folder = join(host.folder, 'session-containers');
  await mkdir(folder);
  const service = parseDocument(
    (await readFile(join(scenario, 'service.yaml'), 'utf8')).replace(
      'http://10.79.0.10:8080',
      await host.ports.reach('10.79.0.10:8080'),
    ),
  );
  for (const [key, value] of Object.entries(host.options)) service.setIn(['vims', 'docker', key], value);
  await writeFile(join(folder, 'service.yaml'), String(service));
  await copyFile(host.image, join(folder, 'image.tar'));
  await copyFile(join(scenario, 'online-testing.feature'), join(folder, 'online-testing.feature'));

  const feature = join(folder, 'online-testing.feature');
  const out = ['--state', join(folder, 'state'), '--out', join(folder, 'out')];
  const { code, said } = await ordeal(['run', feature, '--no-allure', ...out], folder);
  expect(code, said).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');

  const docker = new Docker({ socketPath: host.daemon.socket });
  const left = await docker.listContainers({
    all: true,
    filters: { label: ['org.ordeal.service=session-containers'] },
  });
  expect(left.map((c) => c.Names)).toEqual([]);
  const { Volumes } = await docker.listVolumes();
  expect((Volumes ?? []).map((v) => v.Name).filter((name) => name.startsWith('store-1'))).toEqual([]);
  expect(await host.daemon.namespaces.run('nft', 'list', 'tables')).not.toContain('ordeal_');
});

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
