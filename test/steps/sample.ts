import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../harness/util/package-root.js';

export const sample = join(packageRoot, 'scenarios', 'session-gateway');

/**
 * The session gateway in a folder of a test, with descriptors of its own. What they call as before is next to anything: only
 * the steps find fault, also on a busy machine.
 * @param changed descriptors beside service.yaml, each made from it
 */
export async function sampleWith(
  folder: string,
  changed: Readonly<Record<string, (yaml: string) => string>>,
): Promise<void> {
  for (const part of ['build', 'vnfd']) await symlink(join(sample, part), join(folder, part));
  const yaml = (await readFile(join(sample, 'service.yaml'), 'utf8'))
    .replaceAll('rateHz: 20', 'rateHz: 50')
    .replace(/errorRatio: .*/, 'errorRatio: { absolute: 1 }')
    .replace(/availability: .*/, 'availability: { absolute: 1 }')
    .replace(/requestRate: .*/, 'requestRate: { relative: 1 }')
    .replace(/latencyP50: .*/, 'latencyP50: { absolute: 2000 }');
  await writeFile(join(folder, 'service.yaml'), yaml);
  for (const [name, change] of Object.entries(changed)) await writeFile(join(folder, name), change(yaml));
}
