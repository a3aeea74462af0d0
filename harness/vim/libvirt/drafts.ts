import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, thisProcess } from '../../store/process-identity.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { readValidated } from '../../util/validate.js';

const draftRecord = z.object({
  host: z.string(),
  pid: z.number(),
  processStartedAt: z.string(),
  files: z.array(z.string()),
});

/** Files that a process makes for a domain, and that no domain uses yet: on record before they are there. */
export class Draft implements AsyncDisposable {
  readonly #files: string[] = [];

  constructor(readonly record: string) {}

  async add(...files: readonly string[]): Promise<void> {
    this.#files.push(...files);
    await writeAtomically(this.record, JSON.stringify({ ...thisProcess, files: this.#files }));
  }

  /** A domain uses them, or they are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.record, { force: true });
  }
}

export class Drafts {
  constructor(readonly folder: string) {}

  begin(): Draft {
    return new Draft(join(this.folder, `${newId('draft')}.json`));
  }

  /** Of processes that are no more. */
  async ofTheDead(): Promise<readonly { readonly record: string; readonly files: readonly string[] }[]> {
    const names = await readdir(this.folder).catch((e: unknown) => {
      if (errnoOf(e) === 'ENOENT') return [];
      throw e;
    });
    const found = await Promise.all(
      names
        .filter((name) => name.endsWith('.json'))
        .map(async (name) => {
          const record = join(this.folder, name);
          const made = await readValidated(record, draftRecord).catch((e: unknown) => {
            // Its process has come to the end of it meanwhile.
            if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
            throw e;
          });
          return made === undefined || isAlive(made) ? [] : [{ record, files: made.files }];
        }),
    );
    return found.flat();
  }
}
