#!/usr/bin/env node
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../dist/harness/cli/main.js', import.meta.url))) {
  process.stderr.write('ordeal: it is not built. Run `npm run build` in its folder first.\n');
  process.exit(2);
}
// A reader that has gone away (`ordeal … | head`) must not end a run that is on a live network.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (e) => {
    if (e.code !== 'EPIPE') throw e;
  });
}
const { main } = await import('../dist/harness/cli/main.js');

process.exitCode = await main({
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  fronts: {
    gherkin: () => import('../dist/steps/run-gherkin.js'),
    reports: () => import('../dist/reports/index.js'),
  },
  onInterrupt: (listener) => {
    process.on('SIGINT', listener);
    process.on('SIGTERM', listener);
    return () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    };
  },
  leave: (code) => process.exit(code),
});
