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
  // None but in .ci/run, where one hiccup of one emulated VM among more than a thousand tests shall not hide what all others say; the
  // closing lines name every test that needed it, and why.
  retries: Number(process.env.ORDEAL_RETRIES ?? 0),
  reporter: [
    ['list'],
    ['json', { outputFile: join(out, 'proof', 'playwright.json') }],
    [fileURLToPath(new URL('./closing-line.js', import.meta.url))],
  ],
});
