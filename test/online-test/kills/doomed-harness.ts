import { readFile } from 'node:fs/promises';
import type { FaultRequest } from '../../../harness/fault/catalogue.js';
import { runOnlineTest } from '../../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { sleep } from '../../../harness/util/deadline.js';
import { asError } from '../../../harness/util/errors.js';

/** One online test of each service, side by side, as a process of its own that a test can kill: `doomed-harness.js order.json`. */
export interface Order {
  readonly stateFolder: string;
  readonly outFolder: string;
  readonly leaseMs: number;
  /** How long the service is measured before, and after; absent: just long enough for an embedded one. */
  readonly baselineMs?: number;
  readonly measureMs?: number;
  readonly runs: readonly {
    readonly lane: number;
    readonly serviceFile: string;
    readonly startsMs: number;
    readonly seed: number;
    readonly fault: FaultRequest;
  }[];
}

/** One line of its output. */
export type Told = { readonly lane: number } & (
  | { readonly runId: string }
  | { readonly stage: string }
  | { readonly exitCode: number; readonly errors: readonly string[] }
  | { readonly refused: string }
);

/** All of the service is covered: somebody else may crash a VNFC that the fault does not strike. */
const around = ['gateway', 'session-store'];
const order = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Order;
const { baselineMs = 700, measureMs = 600 } = order;
const request = { front: 'library', baselineMs, measureMs, around } as const;
const tell = (told: Told): void => void process.stdout.write(`${JSON.stringify(told)}\n`);

async function run({ lane, serviceFile, startsMs, seed, fault }: Order['runs'][number]): Promise<void> {
  const { stateFolder, outFolder, leaseMs } = order;
  await sleep(startsMs);
  try {
    await using session = await ServiceSession.open(await readService(serviceFile), { stateFolder });
    const { exitCode, errors } = await runOnlineTest(
      session,
      { ...request, title: fault.kind, faults: [fault], seed },
      {
        outFolder,
        leaseMs,
        listeners: [
          {
            started: ({ id }) => tell({ lane, runId: id }),
            stage: (stage, state) => {
              if (state === 'running') tell({ lane, stage });
            },
            note: () => undefined,
            finished: () => undefined,
          },
        ],
      },
    );
    tell({ lane, exitCode, errors });
  } catch (e) {
    tell({ lane, refused: asError(e).message });
  }
}

await Promise.all(order.runs.map(run));
