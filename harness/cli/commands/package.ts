import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diffPackages, type PackageReport, readCertificates, showPackage, verifyPackage } from '../../package/index.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';
import { packageReplayCommands } from './package-replay.js';
import { packageRepositoryCommands } from './package-repository.js';

export const packageCommand: Register = (program, action) => {
  const command = program.command('package').description('VNF Snapshot Packages: the evidence of failed VNFCs');
  command.command('list').description('the packages that lie in the run folders').action(action(list));
  command
    .command('show')
    .description('what is in a package; reads no images')
    .argument('<file>', 'package')
    .action(action(show));
  command
    .command('verify')
    .description('every entry against the manifest')
    .argument('<file...>', 'packages')
    .option('--trust <file...>', 'certificates (PEM) that the signer must be, or descend from')
    .action(action(verify));
  command
    .command('export')
    .description('verify a package, then copy it to another place')
    .argument('<file>', 'package')
    .argument('<destination>', 'file or folder')
    .action(action(exportTo));
  command
    .command('diff')
    .description('what two packages differ in: descriptor, records, pages of memory and disks')
    .argument('<a>', 'package')
    .argument('<b>', 'package')
    .action(action(diff));
  packageReplayCommands(command, action);
  packageRepositoryCommands(command, action);
};

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

async function list(context: Context): Promise<number> {
  const entries = await readdir(context.outFolder, { recursive: true }).catch(() => []);
  const files = entries.filter((e) => e.endsWith('.vnf-snapshot.zip')).map((e) => join(context.outFolder, e));
  const found: { file: string; id: string; vnf: string; vnfcs: string[]; bytes: number }[] = [];
  for (const file of files.sort()) {
    const { info, vnfcs, vnfSnapshot, bytes } = await showPackage(file);
    found.push({ file, id: info.id, vnf: vnfSnapshot.vnfInstanceId, vnfcs: vnfcs.map((v) => v.id), bytes });
  }
  context.print(found, () =>
    found.length === 0
      ? `There is no package in ${context.outFolder}.`
      : table(
          ['VNF', 'VNFCs', 'size', 'file'],
          found.map((p) => [p.vnf, p.vnfcs.join(' '), mebibytes(p.bytes), p.file]),
        ),
  );
  return 0;
}

async function show(context: Context, file: string): Promise<number> {
  const summary = await showPackage(resolve(context.outside.cwd, file));
  const { vnfSnapshot, info, vnfcs, artifacts, bytes, format, version, signed } = summary;
  context.print(summary, () =>
    [
      `VNF Snapshot Package ${info.id}: VNF ${vnfSnapshot.vnfInstanceId} (${vnfSnapshot.vnfdId}), ${vnfSnapshot.userDefinedData.purpose}`,
      `${mebibytes(bytes)}, ${format} version ${version}, ${signed ? 'signed' : 'not signed'}, made ${summary.createdAt ?? 'at an unknown time'}`,
      '',
      table(
        ['VNFC', 'type', 'state', 'image', 'size', 'compressed'],
        vnfcs.flatMap((v) =>
          v.images.map((i, n) => [
            n === 0 ? v.id : '',
            n === 0 ? v.type : '',
            n === 0 ? v.powerState : '',
            `${i.role} ${i.name}`,
            mebibytes(i.sizeBytes),
            mebibytes(i.compressedBytes),
          ]),
        ),
      ),
      '',
      ...artifacts.map((a) => `${a.path}  ${a.sizeBytes} bytes`),
    ].join('\n'),
  );
  return 0;
}

async function verify(context: Context, files: string[], { trust }: { trust?: string[] }): Promise<number> {
  const { cwd } = context.outside;
  const trusted = [];
  for (const file of trust ?? []) trusted.push(...(await readCertificates(resolve(cwd, file))));
  const reports: PackageReport[] = [];
  for (const file of files) {
    reports.push(await verifyPackage(resolve(cwd, file), trust === undefined ? {} : { trust: trusted }));
  }
  context.print(reports, () =>
    reports
      .map((r) => `${r.file}: sound, ${r.entries} entries, ${mebibytes(r.bytesChecked)}, signature ${r.signature}`)
      .join('\n'),
  );
  return 0;
}

async function exportTo(context: Context, file: string, destination: string): Promise<number> {
  const from = resolve(context.outside.cwd, file);
  const target = resolve(context.outside.cwd, destination);
  await verifyPackage(from);
  const isFolder = await stat(target).then(
    (s) => s.isDirectory(),
    () => false,
  );
  const to = isFolder ? join(target, basename(from)) : target;
  if (to === from) throw new OrdealError('usage', 'The destination is the package itself', { got: to });
  await writeAtomically(to, (handle) =>
    pipeline(createReadStream(from), handle.createWriteStream({ autoClose: false })),
  );
  context.print({ file: to }, () => `exported to ${to}`);
  return 0;
}

async function diff(context: Context, a: string, b: string): Promise<number> {
  const { cwd } = context.outside;
  const found = await diffPackages(resolve(cwd, a), resolve(cwd, b));
  context.print(found, () =>
    [
      `VNFD ${found.vnfd.equal ? 'equal' : `differs: ${found.vnfd.files.map((f) => f.path).join(', ')}`}`,
      `VnfInfo: ${found.vnfInfo.length} differences; record: ${found.record.length}; artifacts: ${found.artifacts.length}`,
      table(
        ['VNFC', 'image', 'change', 'pages'],
        found.vnfcs.flatMap((v) =>
          v.images.map((i) => [
            v.id,
            i.name,
            i.change,
            i.pages === undefined ? (i.reason ?? '') : `${i.pages.differ} of ${i.pages.total} differ`,
          ]),
        ),
      ),
    ].join('\n'),
  );
  return 0;
}
