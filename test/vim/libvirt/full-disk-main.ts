import { closeSync, openSync, writeSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { VimContext } from '../../../harness/model/vim.js';
import { errnoOf, OrdealError } from '../../../harness/util/errors.js';
import { LibvirtVim } from '../../../harness/vim/libvirt/libvirt-vim.js';

/** On a file system that only the daemon's namespace has: `full-disk-main.js capture|restore|revert`, the context on stdin. */
interface Told {
  readonly context: VimContext;
  readonly resource: string;
  readonly folder: string;
  readonly snapshotId: string;
}
const { context, resource, folder, snapshotId } = JSON.parse(await text(process.stdin)) as Told;
const filler = join(folder, 'filler');

/** To the last byte. */
function fill(): void {
  const fd = openSync(filler, 'a');
  for (let bytes = 1 << 20; bytes >= 1; ) {
    try {
      writeSync(fd, Buffer.alloc(bytes));
    } catch (e) {
      if (errnoOf(e) !== 'ENOSPC') throw e;
      bytes = Math.floor(bytes / 2);
    }
  }
  closeSync(fd);
}
const refused = <T>(work: Promise<T>) =>
  work.then(
    () => ({ kind: 'none', message: 'it was done' }),
    (e: unknown) => ({ kind: e instanceof OrdealError ? e.kind : 'not ours', message: String(e) }),
  );
const left = async (vim: LibvirtVim) => ({
  snapshots: (await vim.snapshots.list()).map((s) => s.id),
  folders: await readdir(join(folder, 'snapshots')),
  overlays: (await readdir(join(folder, 'overlays'))).length,
  owned: (await vim.replacement.ownedBy()).length,
  powerState: (await vim.inspect(await vim.locate(resource))).powerState,
});

await using vim = await LibvirtVim.open(context);
const compute = await vim.locate(resource);
const whole = () => vim.snapshots.capture(compute, { name: 'good', type: 'warm' });
let said: object;
switch (process.argv[2]) {
  case 'capture': {
    fill();
    const preflight = await vim.snapshots.preflight(compute, { name: 'full', type: 'warm' });
    const atOnce = await refused(whole());
    // Room for the beginning, and not for the memory.
    await rm(filler);
    await writeFile(filler, Buffer.alloc(110 * 2 ** 20));
    const inTheMiddle = await refused(whole());
    await rm(filler);
    const after = await left(vim);
    const { id } = await (await whole()).store();
    said = { preflight, atOnce, inTheMiddle, after, id };
    break;
  }
  case 'restore': {
    fill();
    const revert = await refused(vim.snapshots.revert(compute, snapshotId));
    const asNew = await refused(vim.replacement.restoreAsNew(snapshotId, 'run-full'));
    const after = await left(vim);
    await rm(filler);
    said = { revert, asNew, after };
    break;
  }
  default:
    await vim.snapshots.revert(compute, snapshotId);
    await vim.snapshots.delete([snapshotId], { consolidate: true });
    said = { after: await left(vim) };
}
process.stdout.write(JSON.stringify(said));
