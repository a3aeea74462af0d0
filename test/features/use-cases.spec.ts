import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { packageRoot } from '../../harness/util/package-root.js';
import { ordeal } from '../cli/ordeal.js';
import { temporaryFolder } from '../temporary-folder.js';

for (const [feature, scenarios, rows] of [
  ['root-cause-analysis', 3, ['@UC-4.2.1.1', '@UC-4.2.1.3']],
  ['lifecycle-procedure', 2, ['@UC-4.3.1.1', '@UC-4.3.1.2']],
  ['quick-recovery', 1, ['@UC-4.3.2.1']],
] as const) {
  test(`the use case in ${feature}.feature runs`, { tag: ['@vim:embedded', ...rows] }, async () => {
    const folder = await temporaryFolder('use-case');
    try {
      const { code, stdout, stderr } = await ordeal(folder, 'run', join(packageRoot, 'features', `${feature}.feature`));
      expect(stdout + stderr).toContain(`${scenarios} scenarios: ${scenarios} passed, 0 not; exit code 0`);
      expect(code).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
