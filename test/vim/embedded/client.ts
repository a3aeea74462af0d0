import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocatedService } from '../../../harness/model/network-service.js';
import { openVim } from '../../../harness/vim/registry.js';

/** A harness that leaves everything open, and then waits to be killed: `client.js <folder>`. */
const folder = process.argv[2] ?? '';
const service = JSON.parse(await readFile(join(folder, 'service.json'), 'utf8')) as LocatedService;
const options = { maxLifetimeMs: 60_000 };
const vim = await openVim('embedded', { service, stateFolder: join(folder, 'state'), options });
await vim.instantiation?.instantiate(service);
await vim.snapshots.capture(await vim.locate('b'), { name: 'never stored', type: 'warm' });
await vim.replacement?.quarantine(await vim.locate('a'), 'run-1');
await vim.faults?.inject({
  id: 'left-on',
  runId: 'run-1',
  kind: 'link-cut',
  vim: 'embedded',
  target: { link: 'lan' },
  params: {},
  seed: 1,
  expiresAfterMs: 60_000,
});
process.stdout.write('ready\n');
setInterval(() => undefined, 1000);
