import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from '@playwright/test';
import { ensureCheckpointctl } from '../../hosts/containers/checkpointctl.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';
import { shell } from '../../hosts/libvirt/shell.js';
import { orSkip } from '../../hosts/or-skip.js';
import { containerSample } from './container-sample.js';

/** checkpointctl reads what was exported; what was changed and deleted in the layer comes back from it. */
export async function readExported(host: ContainerHost): Promise<void> {
  const checkpointctl = await orSkip(ensureCheckpointctl());
  await using s = await containerSample(host);
  const compute = await s.vim.locate(s.subject);
  // In the layer, not on a volume.
  const inside = async (script: string) => {
    const { pid } = JSON.parse(await runcState(host, compute));
    return shell('nsenter', ['--target', String(pid), '--mount', '--root', '/bin/sh', '-c', script]);
  };
  await inside('echo kept >/etc/changed && rm /bin/zcat');
  const then = await s.bump();
  const { id } = await (await s.vim.snapshots.capture(compute, { name: 'to be read', type: 'warm' })).store();
  const images = await s.vim.snapshots.exportImages(id);
  expect(images.map((i) => i.name)).toEqual(['checkpoint.tar', 'disk-data.tar', 'state.json']);
  const file = join(host.folder, 'exported.tar');
  const [checkpoint] = images;
  if (checkpoint === undefined) throw new Error('nothing was exported');
  await pipeline(await checkpoint.open(), createWriteStream(file));

  const shown = await shell(checkpointctl, ['show', file]);
  for (const words of ['subject', 'ordeal/vnfc:test', 'runc']) expect(shown).toContain(words);
  const inspected = await shell(checkpointctl, ['inspect', file, '--all']);
  for (const words of ['/data/sessions.log', 'TCP (LISTEN)', '0.0.0.0:8080']) expect(inspected).toContain(words);
  expect(JSON.parse(await shell('tar', ['-xOf', file, 'deleted.files']))).toEqual(['/bin/zcat']);
  const changed = await shell('sh', ['-c', 'tar -xOf "$1" rootfs-diff.tar | tar -t', 'sh', file]);
  expect(changed.split('\n')).toContain('./etc/changed');
  expect(changed).not.toContain('zcat');

  const imported = await s.vim.snapshots.importImages(await s.vim.snapshots.show(id), images);
  await inside('echo later >/etc/changed; ln /bin/busybox /bin/zcat');
  await s.bump();
  await s.vim.snapshots.revert(compute, imported.id);
  expect(await s.counter()).toBe(then);
  expect(await inside('cat /etc/changed; ls /bin/zcat 2>/dev/null || echo deleted')).toBe('kept\ndeleted\n');
}

function runcState(host: ContainerHost, compute: string): Promise<string> {
  const root = host.options.runtimeRoot ?? '/run/runc';
  return host.machine.namespaces.run('runc', '--root', String(root), 'state', compute);
}
