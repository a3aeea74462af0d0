import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import asc from 'assemblyscript/asc';

/** One module to compile; paths in the sources are relative to the folder that holds all scenarios. */
export interface CompileJob {
  readonly name: string;
  readonly baseFolder: string;
  readonly scenario: string;
}

export interface CompileResult {
  readonly name: string;
  /** Absent when it does not compile. */
  readonly wasm?: Uint8Array;
  readonly messages: string;
  /** Every file that went into it, with its SHA-256. */
  readonly sources: Readonly<Record<string, string>>;
}

async function compile({ name, baseFolder, scenario }: CompileJob): Promise<CompileResult> {
  const sources: Record<string, string> = {};
  const messages: string[] = [];
  let wasm: Uint8Array | undefined;
  const settings = join(baseFolder, scenario, 'asconfig.json');
  const sink = { write: (text: string | Uint8Array) => void messages.push(String(text)) };
  const { error } = await asc.main(
    [
      `${scenario}/assembly/vnfc/${name}.ts`,
      '--noColors',
      '--baseDir',
      baseFolder,
      '--outFile',
      `${name}.wasm`,
      '-O2',
      '--runtime',
      'incremental',
      ...(existsSync(settings) ? ['--config', `${scenario}/asconfig.json`] : ['--config', 'none']),
    ],
    {
      stdout: sink,
      stderr: sink,
      readFile(file, folder) {
        const path = isAbsolute(file) ? file : join(folder, file);
        if (!existsSync(path)) return null;
        const text = readFileSync(path, 'utf8');
        sources[relative(baseFolder, path).replaceAll('\\', '/')] = createHash('sha256').update(text).digest('hex');
        return text;
      },
      writeFile(_, content) {
        wasm = Buffer.from(content as Uint8Array);
      },
      listFiles: () => null,
    },
  );
  const text = messages.join('').trim() || (error?.message ?? '');
  return { name, messages: text, sources, ...(error === null && wasm !== undefined ? { wasm } : {}) };
}

const results: CompileResult[] = [];
for (const job of workerData as CompileJob[]) results.push(await compile(job));
parentPort?.postMessage(results);
