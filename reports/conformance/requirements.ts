import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../harness/util/package-root.js';
import { readValidated } from '../../harness/util/validate.js';

const requirements = z.strictObject({
  vims: z.array(z.string()).min(1),
  needs: z.record(z.string(), z.string()).default({}).describe('Row by row, the capability that it asks of a VIM.'),
  sections: z.array(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      source: z.string().describe('Where the report says so.'),
      rows: z.record(z.string(), z.string()),
    }),
  ),
});
export type Requirements = z.output<typeof requirements>;

/** What the report asks for, row by row. */
export const readRequirements = (): Promise<Requirements> =>
  readValidated(join(packageRoot, 'reports', 'conformance', 'requirements.yaml'), requirements);
