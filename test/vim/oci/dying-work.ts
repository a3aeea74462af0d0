import { text } from 'node:stream/consumers';
import type { VimContext } from '../../../harness/model/vim.js';
import { openVim } from '../../../harness/vim/registry.js';

interface Work {
  readonly kind: string;
  readonly context: VimContext;
  readonly work: 'capture' | 'switch' | 'restore';
  /** The compute resource to switch to, or the snapshot to restore as new. */
  readonly to: string;
}

/** Is killed while it captures, switches over or restores. Reads what to do from its standard input. */
const { kind, context, work, to } = JSON.parse(await text(process.stdin)) as Work;
await using vim = await openVim(kind, context);
if (work === 'switch') await vim.replacement?.switchOver([{ resource: 'subject', to }], 'run-1');
else if (work === 'restore') await vim.replacement?.restoreAsNew(to, 'run-1');
else {
  const compute = await vim.locate('subject');
  await (await vim.snapshots.capture(compute, { name: 'cut short', type: 'warm' })).store();
}
