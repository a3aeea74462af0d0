import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../util/atomic-file.js';
import { classifyIo } from '../../util/errors.js';

const INSIDE = '/.ordeal-clock';
const LIBRARY = 'libfaketime.so.1';
const OFFSET = 'offset';

/** What a container gets beside what its deployment says. */
export interface SpecExtras {
  readonly environment: Readonly<Record<string, string>>;
  /** Directories of the host that it may read. */
  readonly binds: readonly { readonly source: string; readonly destination: string }[];
}

/**
 * A clock of a container's own: libfaketime, loaded before everything else, adds what a file says, and looks into it once a
 * second. Nothing else would do: no namespace holds the wall clock. Source: libfaketime, README, "Using the file".
 */
export class Clocks {
  /** @param library libfaketime.so.1 on the host; undefined: containers have the clock of the host */
  constructor(
    readonly folder: string,
    readonly library: string | undefined,
  ) {}

  /** What a container is created with, so that its clock can be set later. @throws OrdealError of kind file-missing */
  async equip(resource: string): Promise<SpecExtras> {
    if (this.library === undefined) return { environment: {}, binds: [] };
    const folder = this.#folderOf(resource);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await copyFile(this.library, join(folder, LIBRARY)).catch((e: unknown) => {
      throw classifyIo(e, this.library ?? '');
    });
    await this.set(resource, 0);
    const environment = {
      LD_PRELOAD: join(INSIDE, LIBRARY),
      FAKETIME_TIMESTAMP_FILE: join(INSIDE, OFFSET),
      FAKETIME_CACHE_DURATION: '1',
      // What is timed is timed by the monotonic clock: only the time of day is wrong.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return { environment, binds: [{ source: folder, destination: INSIDE }] };
  }

  /** @param offsetMs ahead of the host's clock. A process notices within a second. */
  async set(resource: string, offsetMs: number): Promise<void> {
    const seconds = (offsetMs / 1000).toFixed(3);
    await writeAtomically(join(this.#folderOf(resource), OFFSET), `${offsetMs < 0 ? '' : '+'}${seconds}\n`, 0o644);
  }

  /** The environment in which a process of the host has the clock of a container. */
  environmentOf(resource: string): Readonly<Record<string, string>> {
    const folder = this.#folderOf(resource);
    return {
      LD_PRELOAD: join(folder, LIBRARY),
      FAKETIME_TIMESTAMP_FILE: join(folder, OFFSET),
      FAKETIME_NO_CACHE: '1',
    };
  }

  #folderOf(resource: string): string {
    return join(this.folder, 'clocks', encodeURIComponent(resource));
  }
}
