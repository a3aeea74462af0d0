import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * Makes the sandbox of a mutation run: the build as it is, and the mutated files compiled anew, without their types:
 * `transpile.js package-root harness/x.ts …`, called in the sandbox.
 */
const [root = '', ...files] = process.argv.slice(2);
cpSync(join(root, 'dist'), 'dist', { recursive: true });
for (const file of files) {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  });
  writeFileSync(join('dist', file.replace(/\.ts$/, '.js')), outputText);
}
