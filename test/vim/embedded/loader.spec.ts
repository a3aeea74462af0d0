import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import binaryen from 'binaryen';
import { loadModule } from '../../../harness/vim/embedded/loader.js';
import { globalPrefix, prepare, supportedFeatures } from '../../../harness/vim/embedded/prepare.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { testModule } from './modules.js';
import { sample } from './sample.js';

const good = `
  (memory (export "memory") 1)
  (func (export "ordeal_reactor") (result i32) (i32.const 1))
  (func (export "alloc") (param i32) (result i32) (i32.const 0))
  (func (export "on_start"))
  (func (export "on_message") (param i32 i32 i32 i32))
  (func (export "on_timer") (param i32))`;

function wasm(text: string): Uint8Array {
  const module = binaryen.parseText(`(module ${text})`);
  try {
    module.setFeatures(supportedFeatures(binaryen.Features));
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}
const prepared = (text: string) => prepare('m.wasm', wasm(text));

for (const [what, text, message] of [
  ['an import of another module', `(import "env" "abort" (func))${good}`, 'it imports the function "env.abort"'],
  ['an unknown import', `(import "ordeal" "format_disk" (func))${good}`, '"ordeal.format_disk"'],
  ['an imported global', `(import "ordeal" "now" (global i32))${good}`, 'it imports the global "ordeal.now"'],
  ['a missing export', good.replace('on_timer', 'on_tick'), 'it does not export the function "on_timer"'],
  ['a hidden memory', good.replace('(export "memory")', ''), 'it does not export its memory'],
  ['a second memory', `${good} (memory $two 1)`, /memor(y|ies)/],
  ['a passive element segment', `${good} (func $f) (table 4 funcref) (elem $p func $f)`, 'passive element segment $'],
  [
    'a table that changes',
    `${good} (func $f) (table $t 4 funcref) (elem declare func $f) (func (table.set $t (i32.const 0) (ref.func $f)))`,
    'it uses table.set',
  ],
  [
    'a mutable global that holds a reference',
    `${good} (global $r (mut externref) (ref.null extern))`,
    /mutable global \$.* externref/,
  ],
  ['a mutable vector global', `${good} (global $v (mut v128) (v128.const i32x4 0 0 0 0))`, 'has the type v128'],
] as const) {
  test(`a module with ${what} is refused by name`, async () => {
    await expect(prepared(text)).rejects.toMatchObject({ kind: 'module-invalid' });
    await expect(prepared(text)).rejects.toThrow(message);
  });
}

test('what is not WebAssembly at all is refused, and a missing file is called missing', async () => {
  await expect(prepare('m.wasm', Buffer.from('hello'))).rejects.toMatchObject({ kind: 'module-invalid' });
  await expect(loadModule('/no/such/module.wasm', tmpdir())).rejects.toMatchObject({ kind: 'file-missing' });
});

test('every mutable global is exported, and growing asks the limit', async () => {
  const { binary, initialPages, maximumPages } = await prepared(`
    ${good.replace('"memory") 1', '"memory") 2 9')}
    (global $a (mut i32) (i32.const 5)) (global $b (mut i64) (i64.const -6)) (global $c i32 (i32.const 7))
    (data (i32.const 16) "(memory.grow\\n")
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))`);
  expect({ initialPages, maximumPages }).toEqual({ initialPages: 2, maximumPages: 9 });
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 9, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { ordeal: { memory } });
  const globals = Object.keys(exports).filter((name) => name.startsWith(globalPrefix));
  expect(globals.map((name) => (exports[name] as WebAssembly.Global).value)).toEqual([5, -6n]);
  expect(Buffer.from(memory.buffer).toString('latin1', 16, 28)).toBe('(memory.grow');
  const grow = exports.grow as (pages: number) => number;
  (exports['ordeal:limit'] as WebAssembly.Global).value = 3;
  expect(grow(2)).toBe(-1);
  expect(grow(1)).toBe(2);
  expect(grow(-1)).toBe(-1);
});

test('a module is prepared once for each content', async () => {
  const folder = await temporaryFolder('loader');
  const source = await testModule('probe');
  const first = await loadModule(source, folder);
  const { mtimeMs } = await stat(first.file);
  expect(await loadModule(source, folder)).toEqual(first);
  expect((await stat(first.file)).mtimeMs).toBe(mtimeMs);
  const changed = join(folder, 'changed.wasm');
  // A custom section changes the content, and nothing else.
  await writeFile(changed, Buffer.concat([await readFile(source), Buffer.from([0, 2, 1, 0x78])]));
  expect((await loadModule(changed, folder)).sha256).not.toBe(first.sha256);
  await rm(folder, { recursive: true });
});

test('a service with a module that is missing, or that needs more memory than it may have, is not started', async () => {
  await using missing = await sample({ start: false, deployment: { module: 'no-such.wasm' } });
  await expect(missing.vim.instantiation!.instantiate(missing.service)).rejects.toMatchObject({ kind: 'file-missing' });
  const large = join(missing.folder, 'large.wasm');
  await writeFile(large, wasm(good.replace('"memory") 1', '"memory") 2')));
  await using wrong = await sample({ start: false, deployment: { module: large, memoryMaxBytes: 65536 } });
  await expect(wrong.vim.instantiation!.instantiate(wrong.service)).rejects.toMatchObject({ kind: 'module-invalid' });
  await expect(wrong.vim.links()).rejects.toMatchObject({ kind: 'vim-unreachable' });
  await expect(sample({ deployment: { modul: 'x' } })).rejects.toThrow('modul');
});

test('a module that traps, loops or ends while it boots is not started, and nothing is left of the service', async () => {
  await using s = await sample({ start: false, deployment: { config: { trapAtBoot: true } } });
  await expect(s.vim.instantiation!.instantiate(s.service)).rejects.toThrow('ended while it booted: it trapped');
  await expect(s.vim.links()).rejects.toMatchObject({ kind: 'vim-unreachable' });
});
