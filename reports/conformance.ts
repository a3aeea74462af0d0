import { dirname, join } from 'node:path';
import { writeAtomically } from '../harness/util/atomic-file.js';
import { conformanceMatrix, type Matrix } from './conformance/matrix.js';
import { matrixHtml, matrixMarkdown, matrixText } from './conformance/print.js';
import { type CapabilityTables, readEvidence } from './conformance/proofs.js';
import { readRequirements } from './conformance/requirements.js';

export { conformanceMatrix, type Matrix } from './conformance/matrix.js';
export { readEvidence } from './conformance/proofs.js';
export { readRequirements } from './conformance/requirements.js';

/** @param capabilities what VIMs say of themselves here, beside what lies in the folder */
export async function readMatrix(proofFolder: string, capabilities: CapabilityTables = {}): Promise<Matrix> {
  const evidence = await readEvidence(proofFolder);
  const tables = { ...evidence.capabilities, ...capabilities };
  return conformanceMatrix(await readRequirements(), { ...evidence, capabilities: tables });
}

export interface ConformanceOptions {
  readonly proofFolder: string;
  readonly json: boolean;
  readonly width: number;
  readonly format?: 'text' | 'json' | 'markdown' | 'html';
  readonly colour?: boolean;
  readonly capabilities?: CapabilityTables;
}

/** What `ordeal report --conformance` prints: row, VIM, proof, result. */
export async function conformanceText(options: ConformanceOptions): Promise<string> {
  const matrix = await readMatrix(options.proofFolder, options.capabilities);
  switch (options.format ?? (options.json ? 'json' : 'text')) {
    case 'json':
      return `${JSON.stringify(matrix, null, 2)}\n`;
    case 'markdown':
      return matrixMarkdown(matrix);
    case 'html':
      return matrixHtml(matrix).text;
    case 'text':
      return matrixText(matrix, { width: options.width, colour: options.colour ?? false });
  }
}

/** Writes conformance.html, .md, .json and .txt beside the folder of the proofs. @returns their paths */
export async function writeConformance(proofFolder: string, capabilities: CapabilityTables = {}): Promise<string[]> {
  const matrix = await readMatrix(proofFolder, capabilities);
  const texts: Readonly<Record<string, string>> = {
    html: matrixHtml(matrix).text,
    md: matrixMarkdown(matrix),
    json: `${JSON.stringify(matrix, null, 2)}\n`,
    txt: matrixText(matrix),
  };
  const files: string[] = [];
  for (const [ending, content] of Object.entries(texts)) {
    const file = join(dirname(proofFolder), `conformance.${ending}`);
    await writeAtomically(file, content, 0o644);
    files.push(file);
  }
  return files;
}
