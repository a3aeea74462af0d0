import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { packageRoot } from '../../../harness/util/package-root.js';

const sources = join(packageRoot, 'test', 'vim', 'embedded', 'assembly');
const built = new Map<string, Promise<string>>();

/** Compiles a test module, once for each content of the sources. @returns the path of the WebAssembly file */
export function testModule(name: string): Promise<string> {
  let building = built.get(name);
  if (building === undefined) {
    building = build(name);
    built.set(name, building);
  }
  return building;
}

async function build(name: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(sources)).sort()) hash.update(await readFile(join(sources, file)));
  const folder = join(tmpdir(), 'ordeal-test-modules', hash.digest('hex').slice(0, 16));
  const target = join(folder, `${name}.wasm`);
  const there = await stat(target).catch(() => undefined);
  if (there !== undefined) return target;
  await mkdir(folder, { recursive: true });
  const temporary = `${name}.${process.pid}.wasm`;
  const { error, stderr } = await asc.main(
    [
      join(sources, `${name}.ts`),
      '--outFile',
      temporary,
      '--baseDir',
      folder,
      '--runtime',
      'incremental',
      '-O2',
      '--use',
      'abort=',
    ],
    {},
  );
  if (error) throw new Error(`${name}.ts does not compile: ${stderr.toString()}`, { cause: error });
  await rename(join(folder, temporary), target);
  return target;
}
