import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this package lies: its features, sample services and assets are found from here. */
export const packageRoot: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
