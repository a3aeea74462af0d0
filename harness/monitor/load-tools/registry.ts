import type { LoadGenerator } from '../../model/load.js';
import { hey } from './hey.js';
import { k6 } from './k6.js';
import type { LoadTool } from './tool.js';

/** Every load generator that is driven when it is installed; Ordeal's own is `startLoad`. */
export const loadTools: Readonly<Record<Exclude<LoadGenerator, 'ordeal'>, LoadTool>> = { k6, hey };
