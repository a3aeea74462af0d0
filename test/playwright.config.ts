import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';
import { packageRoot } from '../harness/util/package-root.js';

const out = join(packageRoot, 'reports', 'out');

export default defineConfig({
  testDir: join(packageRoot, 'dist', 'test'),
  testMatch: '**/*.spec.js',
  outputDir: join(out, 'test-results'),
  // One after the other: the tests measure outages, pauses and leases on real services, and are no fair load for each other.
  fullyParallel: false,
  workers: 1,
  timeout: 60_000,
  forbidOnly: true,
  retries: 0,
  reporter: [
    ['list'],
    ['json', { outputFile: join(out, 'proof', 'playwright.json') }],
    [fileURLToPath(new URL('./closing-line.js', import.meta.url))],
  ],
});
