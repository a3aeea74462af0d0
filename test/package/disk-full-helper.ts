import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { verifyPackage, writePackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { instanceSnapshot, vnfSnapshot } from './contents.js';

/** Run in a process of its own on a file system that holds 1 MiB; tells on stdout what happened. */
const folder = process.argv[2] as string;
const file = join(folder, 'out.zip');
// Where the limit is on the file size, the kernel also sends SIGXFSZ, which would end the process.
process.on('SIGXFSZ', () => undefined);
await writeFile(file, 'previous');
const content = (bytes: number) => ({
  vnfSnapshot: vnfSnapshot(['big']),
  vnfd: undefined,
  images: [
    {
      vnfcId: 'big',
      record: instanceSnapshot('big'),
      images: [
        {
          name: 'memory.raw',
          role: 'memory' as const,
          sizeBytes: bytes,
          open: async () => Readable.from([randomBytes(bytes)]),
        },
      ],
    },
  ],
  artifacts: [],
});
const e = await writePackage(file, content(4 * 1024 * 1024)).then(
  () => undefined,
  (reason: unknown) => reason,
);
const files = await readdir(folder);
const previous = await readFile(file, 'utf8');
await writePackage(file, content(256 * 1024));
await verifyPackage(file);
console.log(
  JSON.stringify({
    kind: e instanceof OrdealError ? e.kind : String(e),
    message: e instanceof Error ? e.message : '',
    files,
    previous,
    again: true,
  }),
);
