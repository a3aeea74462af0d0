import { text } from 'node:stream/consumers';
import type { VimContext } from '../../../harness/model/vim.js';
import { openVim } from '../../../harness/vim/registry.js';

/** Captures the VNFC "subject" and is killed while it does. Reads the context of the VIM from its standard input. */
const context = JSON.parse(await text(process.stdin)) as VimContext;
await using vim = await openVim('docker', context);
const compute = await vim.locate('subject');
const captured = await vim.snapshots.capture(compute, { name: 'cut short', type: 'warm' });
await captured.store();
