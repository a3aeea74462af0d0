import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { buildScenario } from '../../scenarios/build.js';
import { temporaryFolder } from '../temporary-folder.js';

test.describe('building a scenario', () => {
  let folder: string;
  let entry: string;

  test.beforeEach(async () => {
    folder = join(await temporaryFolder('build'), 'mine');
    entry = join(folder, 'assembly', 'vnfc', 'one.ts');
    await writeAll({
      'assembly/vnfc/one.ts':
        "import { answer } from '../lib/answer';\nexport function ordeal_reactor(): i32 { return answer; }\n",
      'assembly/lib/answer.ts': 'export const answer: i32 = 1;\n',
    });
  });
  test.afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

  async function writeAll(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  }

  const answerOf = async (): Promise<unknown> => {
    const instance = new WebAssembly.Instance(
      new WebAssembly.Module(await readFile(join(folder, 'build', 'one.wasm'))),
      {},
    );
    return (instance.exports.ordeal_reactor as () => unknown)();
  };

  test('compiles once, and again only when a source changes, an imported one too', async () => {
    expect(await buildScenario(folder)).toEqual([
      { name: 'one', file: join(folder, 'build', 'one.wasm'), compiled: true },
    ]);
    expect(await answerOf()).toBe(1);
    const before = await stat(join(folder, 'build', 'one.wasm'));
    expect(await buildScenario(folder)).toMatchObject([{ compiled: false }]);
    expect((await stat(join(folder, 'build', 'one.wasm'))).mtimeMs).toBe(before.mtimeMs);
    await writeAll({ 'assembly/lib/answer.ts': 'export const answer: i32 = 2;\n' });
    expect(await buildScenario(folder)).toMatchObject([{ compiled: true }]);
    expect(await answerOf()).toBe(2);
  });

  test('compiles again when a module or its record was damaged', async () => {
    await buildScenario(folder);
    await writeFile(join(folder, 'build', 'one.wasm'), 'damaged');
    expect(await buildScenario(folder)).toMatchObject([{ compiled: true }]);
    await writeFile(join(folder, 'build', 'one.wasm.json'), '{"compiler":');
    expect(await buildScenario(folder)).toMatchObject([{ compiled: true }]);
    expect(await answerOf()).toBe(1);
  });

  test('does not replace a module by one that does not compile, and says where the mistake is', async () => {
    await buildScenario(folder);
    await writeFile(entry, 'export function ordeal_reactor(): i32 { return "one"; }\n');
    await expect(buildScenario(folder)).rejects.toMatchObject({
      kind: 'module-invalid',
      message: expect.stringMatching(/one: ERROR TS2322[\s\S]*vnfc\/one\.ts\(1,/),
    });
    expect(await answerOf()).toBe(1);
  });

  test('refuses a folder without sources', async () => {
    await expect(buildScenario(join(folder, 'none'))).rejects.toMatchObject({ kind: 'file-missing' });
  });
});
