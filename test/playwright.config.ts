import { join } from 'node:path';
import { defineConfig } from '@playwright/test';
import { packageRoot } from '../harness/util/package-root.js';

export default defineConfig({
  testDir: join(packageRoot, 'dist', 'test'),
  testMatch: '**/*.spec.js',
  outputDir: join(packageRoot, 'reports', 'out', 'test-results'),
  fullyParallel: false,
  workers: 2,
  timeout: 60_000,
  forbidOnly: true,
  reporter: [['list']],
});
