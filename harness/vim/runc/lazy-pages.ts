import { spawn } from 'node:child_process';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, processOf } from '../../store/process-identity.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import type { EngineHost } from '../oci/host.js';

const LISTEN_MS = 10_000;
const identity = z.object({ host: z.string(), pid: z.number(), processStartedAt: z.string() });

/**
 * Memory that comes back when it is touched: CRIU's own daemon holds the images, and fetches what nobody has asked for in the
 * meantime; it ends by itself. When it is killed before, the container does not go on. Source: criu(8), lazy-pages.
 */
export class LazyPages {
  constructor(
    readonly host: EngineHost,
    readonly criu: string,
  ) {}

  /** Answers when CRIU can be told to restore with `--lazy-pages`. @param work the work folder of that restore */
  async serve(images: string, work: string): Promise<void> {
    const socket = join(work, 'lazy-pages.socket');
    await rm(socket, { force: true });
    const options = ['lazy-pages', '--images-dir', images, '--work-dir', work, '--log-file', 'lazy-pages.log'];
    const [file = this.criu, ...args] = [...this.host.prefix, this.criu, ...options];
    const child = spawn(file, args, { detached: true, stdio: 'ignore' });
    child.unref();
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new OrdealError('vim-failed', `criu lazy-pages ended with exit code ${code}`)),
      );
    });
    const isThere = () =>
      access(socket).then(
        () => true,
        () => false,
      );
    const listens = until('criu lazy-pages listens', isThere, { withinMs: LISTEN_MS, everyMs: 2 });
    await Promise.race([listens, failed]);
    failed.catch(() => {
      // It ends once all pages are back.
    });
    await writeAtomically(join(work, 'lazy-pages.json'), JSON.stringify(processOf(child.pid ?? 0)));
  }
}

/** Whether memory of a container is still on its way. @param work as it was given to `serve` */
export async function isComing(work: string): Promise<boolean> {
  const it = await readValidated(join(work, 'lazy-pages.json'), identity).catch((e: unknown) => {
    if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
    throw e;
  });
  return it !== undefined && isAlive(it);
}
