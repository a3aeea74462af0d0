import { join } from 'node:path';
import { z } from 'zod';
import { networkService } from '../harness/model/network-service.js';
import { writeAtomically } from '../harness/util/atomic-file.js';
import { packageRoot } from '../harness/util/package-root.js';

/** For editors: name it in the first line of a descriptor, `# yaml-language-server: $schema=…`. */
export const jsonSchemaFile = join(packageRoot, 'scenarios', 'network-service.schema.json');

export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(networkService, { io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ title: 'Ordeal network service descriptor', ...schema }, null, 2)}\n`;
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  await writeAtomically(jsonSchemaFile, jsonSchemaText(), 0o644);
