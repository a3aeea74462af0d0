import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type FaultReading, faultParams, type Injection } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { Clocks } from '../clocks.js';
import type { Seen } from '../containers.js';
import type { Before, Means } from './means.js';

const run = promisify(execFile);

export class ClockSkew implements Means {
  readonly how = 'libfaketime in the container adds what a file of ours says';
  /** The file is read by whoever is started next, too. */
  readonly outlives = true;

  constructor(readonly clocks: Clocks) {}

  async before(seen: Seen): Promise<Before> {
    if (await isLoaded(seen)) return {};
    throw new OrdealError('capability-missing', `"${seen.container.name}" has no clock of its own`, {
      expected: 'libfaketime in its first process',
      remedy:
        'Name libfaketime.so.1 as faketime of the VIM and let Ordeal create the container, from an image with glibc.',
    });
  }

  async on({ resource }: Seen, injection: Injection): Promise<void> {
    await this.clocks.set(resource, offsetOf(injection));
  }

  async measure(seen: Seen, injection: Injection): Promise<FaultReading> {
    const environment = { ...process.env, ...this.clocks.environmentOf(seen.resource) };
    const from = Date.now();
    const { stdout } = await run('date', ['+%s%N'], { env: environment });
    const offsetMs = Math.round(Number(BigInt(stdout.trim()) / 1_000_000n) - (from + Date.now()) / 2);
    const asked = offsetOf(injection);
    return {
      effective: (await isLoaded(seen)) && Math.abs(offsetMs) > Math.abs(asked) / 2,
      measured: { offsetMs },
      how: 'a program that reads the time as the container does, which has the library in its first process',
    };
  }

  async off({ resource }: Seen): Promise<void> {
    await this.clocks.set(resource, 0);
  }
}

const offsetOf = ({ kind, params }: Injection): number =>
  validate(params, kind, faultParams['clock-skew'], 'usage').offsetMs;

const isLoaded = async ({ container }: Seen): Promise<boolean> =>
  (await readFile(`/proc/${container.pid}/maps`, 'utf8')).includes('libfaketime');
