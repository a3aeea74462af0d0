import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OrdealError } from '../util/errors.js';
import { packageRoot } from '../util/package-root.js';
import type { Context } from './context.js';

/** The descriptor of a sample service by its name, or a file by its path. @throws OrdealError of kind file-missing */
export function serviceFile({ outside }: Context, name: string): string {
  const candidates = [resolve(outside.cwd, name), join(packageRoot, 'scenarios', name, 'service.yaml')];
  const found = candidates.find((f) => /\.ya?ml$/.test(f) && existsSync(f));
  if (found !== undefined) return found;
  throw new OrdealError('file-missing', `There is no network service "${name}"`, {
    expected: `a sample service, or a descriptor file such as ${candidates[0]}`,
    remedy: 'See `ordeal services`.',
  });
}
