import { OrdealError, reasonOf } from '../../util/errors.js';

/** The functions that a module may import from `ordeal` (REACTOR.md). */
export const reactorImports = [
  'send',
  'resolve',
  'timer_set',
  'timer_cancel',
  'now',
  'monotonic',
  'random',
  'log',
  'config',
  'disk_size',
  'disk_read',
  'disk_write',
  'disk_flush',
  'exit',
] as const;

export const reactorExports = ['ordeal_reactor', 'alloc', 'on_start', 'on_message', 'on_timer'] as const;

/** Mutable globals are exported under this prefix and their position, so that a snapshot can hold them. */
export const globalPrefix = 'ordeal:global:';
/** The number of pages that the memory may have now: memory-pressure lowers it. No state of the VNFC. */
export const limitExport = 'ordeal:limit';
/** What stands for memory.grow inside the module: pages before, or -1. */
export const growExport = 'ordeal:grow';

export interface Prepared {
  readonly binary: Uint8Array;
  readonly initialPages: number;
  readonly maximumPages: number;
}

/**
 * Makes all state of a module visible from outside: every mutable global is exported, the memory is shared and
 * imported (so that the host can read the memory of a runaway VNFC), and memory.grow asks a limit first.
 * Works on binaryen's text form, in which every definition and every instruction begins a line of its own.
 * @throws OrdealError of kind module-invalid
 */
export async function prepare(name: string, bytes: Uint8Array): Promise<Prepared> {
  await checkInterface(name, bytes);
  // Loading it takes 0.3 s, which a module that is in the cache need not wait for.
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.readBinary(bytes);
  let text: string;
  try {
    text = module.emitText();
  } finally {
    module.dispose();
  }
  refuseHiddenState(name, text);
  const { edited, ...limits } = edit(name, text);
  const prepared = binaryen.parseText(edited);
  try {
    prepared.setFeatures(supportedFeatures(binaryen.Features));
    if (prepared.validate() !== 1) throw invalid(name, 'the prepared module does not validate');
    return { binary: prepared.emitBinary(), ...limits };
  } finally {
    prepared.dispose();
  }
}

/** Not all that binaryen knows: that includes encodings that no supported Node.js reads. */
export const supportedFeatures = (f: Readonly<Record<FeatureName, number>>): number =>
  f.Atomics |
  f.MutableGlobals |
  f.NontrappingFPToInt |
  f.SIMD128 |
  f.BulkMemory |
  f.BulkMemoryOpt |
  f.SignExt |
  f.ExceptionHandling |
  f.TailCall |
  f.ReferenceTypes |
  f.Multivalue |
  f.ExtendedConst;
type FeatureName =
  | 'Atomics'
  | 'MutableGlobals'
  | 'NontrappingFPToInt'
  | 'SIMD128'
  | 'BulkMemory'
  | 'BulkMemoryOpt'
  | 'SignExt'
  | 'ExceptionHandling'
  | 'TailCall'
  | 'ReferenceTypes'
  | 'Multivalue'
  | 'ExtendedConst';

const invalid = (name: string, what: string): OrdealError =>
  new OrdealError('module-invalid', `The WebAssembly module cannot run as a VNFC: ${what}`, {
    where: name,
    remedy: 'See harness/vim/embedded/REACTOR.md; nothing was started.',
  });

async function checkInterface(name: string, bytes: Uint8Array): Promise<void> {
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(new Uint8Array(bytes));
  } catch (e) {
    throw invalid(name, `it is not a valid WebAssembly module (${reasonOf(e)})`);
  }
  const allowed: readonly string[] = reactorImports;
  for (const it of WebAssembly.Module.imports(module)) {
    if (it.module !== 'ordeal' || it.kind !== 'function' || !allowed.includes(it.name)) {
      throw invalid(
        name,
        `it imports the ${it.kind} "${it.module}.${it.name}", which the reactor interface does not have`,
      );
    }
  }
  const exported = new Map(WebAssembly.Module.exports(module).map((e) => [e.name, e.kind]));
  if (exported.get('memory') !== 'memory') throw invalid(name, 'it does not export its memory as "memory"');
  for (const wanted of reactorExports) {
    if (exported.get(wanted) !== 'function') throw invalid(name, `it does not export the function "${wanted}"`);
  }
}

const id = String.raw`\$(?:"(?:[^"\\]|\\.)*"|[^\s()]+)`;

/** State that a snapshot could not see is refused by name. */
function refuseHiddenState(name: string, text: string): void {
  const instruction = /^\s+\((table\.(?:set|grow|fill|copy|init)|elem\.drop|data\.drop)\b/m.exec(text);
  if (instruction) throw invalid(name, `it uses ${instruction[1]}, which changes state that a snapshot cannot see`);
  for (const [, segment = '', rest = ''] of text.matchAll(
    new RegExp(String.raw`^ \(elem (${id} |declare )?(.*)$`, 'gm'),
  )) {
    const active = /^\((?:table|offset|i32\.|i64\.|global\.get)/.test(rest);
    if (segment !== 'declare ' && !active) throw invalid(name, `it has the passive element segment ${segment.trim()}`);
  }
  const memories = [...text.matchAll(/^ \(memory .*$/gm)];
  if (memories.length !== 1) throw invalid(name, `it has ${memories.length} memories, not one`);
  const global = new RegExp(String.raw`^ \(global (${id}) \(mut (?!i32\)|i64\)|f32\)|f64\))(.*?)\) `, 'm').exec(text);
  if (global) throw invalid(name, `its mutable global ${global[1]} has the type ${global[2]}, which cannot be stored`);
}

function edit(name: string, text: string): { edited: string; initialPages: number; maximumPages: number } {
  const memory = new RegExp(String.raw`^ \(memory (${id}) (\d+)(?: (\d+))?(?: shared)?\)$`, 'm').exec(text);
  if (!memory) throw invalid(name, 'its memory is not a 32 bit memory');
  const [line, memoryName, initial, maximum] = memory;
  const globals = [...text.matchAll(new RegExp(String.raw`^ \(global (${id}) \(mut `, 'gm'))].map((m) => m[1] ?? '');
  const additions = [
    ...globals.map((global, i) => ` (export "${globalPrefix}${i}" (global ${global}))`),
    ' (global $ordeal:limit (mut i32) (i32.const 65536))',
    ` (export "${limitExport}" (global $ordeal:limit))`,
    ` (export "${growExport}" (func $ordeal:grow))`,
    ' (func $ordeal:grow (param i32) (result i32)',
    '  (if (result i32) (i64.gt_u (i64.add (i64.extend_i32_u (memory.size)) (i64.extend_i32_u (local.get 0)))',
    '    (i64.extend_i32_u (global.get $ordeal:limit)))',
    '   (then (i32.const -1))',
    '   (else (memory.grow (local.get 0)))))',
  ];
  // An import must come before every definition that is not one; the first line opens the module.
  const firstLineEnd = text.indexOf('\n');
  const head = `${text.slice(0, firstLineEnd)}\n (import "ordeal" "memory" (memory ${memoryName} ${initial} 65536 shared))`;
  const body = text
    .slice(firstLineEnd)
    .replace(`${line}\n`, '')
    .replace(/^(\s+)\(memory\.grow$/gm, '$1(call $ordeal:grow');
  const end = body.lastIndexOf(')');
  return {
    edited: `${head}${body.slice(0, end)}\n${additions.join('\n')}\n)`,
    initialPages: Number(initial),
    maximumPages: maximum === undefined ? 65_536 : Number(maximum),
  };
}
