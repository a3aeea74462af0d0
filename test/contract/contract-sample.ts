import { expect, type TestInfo, test } from '@playwright/test';
import { type CapabilityRow, missing } from '../../harness/model/capability.js';
import type { FaultKind, Injection, MachineFaultKind, PlatformFaultKind } from '../../harness/model/fault.js';
import type { LocatedService } from '../../harness/model/network-service.js';
import type { InstanceSnapshot } from '../../harness/model/snapshot.js';
import type { CreateSnapshotRequest, Vim } from '../../harness/model/vim.js';

/** A running service of two VNFCs, and the handles that the suite needs on what is inside them. */
export interface ContractSample extends AsyncDisposable {
  readonly vim: Vim;
  readonly service: LocatedService;
  /** The resource that things are done to, and the one that talks with it. */
  readonly subject: string;
  readonly peer: string;
  /** The virtual link between them; absent where the VIM has none that it could impair. */
  readonly link?: string;
  /** A disk of the subject that is in its snapshots. */
  readonly disk: string;
  /** Where the usual dose of the contract is too much or too little for it. */
  readonly doses?: Partial<Record<FaultKind, Injection['params']>>;
  /** Adds one to a counter in the memory of the subject, and tells it. Rejects when the subject does not answer. */
  bump(): Promise<number>;
  counter(): Promise<number>;
  /** Up to 32 characters at the beginning of the disk, through the subject. */
  writeDisk(text: string): Promise<void>;
  readDisk(length: number): Promise<string>;
  /** Whether the subject reaches the peer and hears it, within a second. */
  ping(): Promise<boolean>;
  /** A TCP connection from outside to the subject; it stays one and the same. */
  connect(): Promise<{ say(text: string): Promise<string>; close(): void }>;
  /** Another driver on the same state, as another process would open it. */
  reopen(): Promise<Vim>;
}

/** A virtual machine boots; under software emulation, on a machine that does much else, that takes its time. */
export const bootMs = 120_000;

export interface ContractOptions {
  readonly make: () => Promise<ContractSample>;
  /** Rows that the VIM says no to, each with the reason: a row that is missing here fails, and so does one too many. */
  readonly gaps: Partial<Record<CapabilityRow, string>>;
  /** Rows that the VIM says yes to, and that the host of these tests cannot show: each with the reason. */
  readonly unshown?: Partial<Record<CapabilityRow, string>>;
  /** Faults with their doses that not every VIM must have, and this one has. */
  readonly alsoFaults?: Partial<Record<MachineFaultKind | PlatformFaultKind, Injection['params']>>;
}

export interface Contract {
  readonly name: string;
  readonly gaps: ContractOptions['gaps'];
  readonly alsoFaults: NonNullable<ContractOptions['alsoFaults']>;
  sample(): ContractSample;
  /** A test that proves rows, or is skipped with the reason of the gap. */
  proves(
    rows: readonly CapabilityRow[],
    title: string,
    body: (s: ContractSample, info: TestInfo) => Promise<void>,
  ): void;
}

/** Rows of the report that say the same of the whole NFVI, or of the reference points at which it is asked. */
const alsoProven: Partial<Record<CapabilityRow, readonly string[]>> = {
  'OP-create.instance': ['Vim.001'],
  storage: ['Nfvi.004', 'ViVnfm-Vcrm.001', 'ViVnfm-Vcrm.002'],
  'OP-create.quiesce': ['Nfvi.005', 'ViVnfm-Vcrm.003', 'ViVnfm-Vcrm.004'],
  'OP-revert.revert': ['Nfvi.002', 'Vim.002', 'ViVnfm-Vcrm.005'],
  'OP-create.disk': ['ViVnfm-Vsrm.001'],
};

export function contractOf(name: string, { make, gaps, unshown = {}, alsoFaults = {} }: ContractOptions): Contract {
  let made: ContractSample | undefined;
  const sample = (): ContractSample => {
    if (made === undefined) throw new Error('the sample is not up');
    return made;
  };
  test.beforeAll(async () => {
    made = await make();
  });
  test.afterAll(async () => {
    await made?.[Symbol.asyncDispose]();
  });
  // One sample serves all tests: each leaves it as it found it, whatever became of the test.
  test.afterEach(async () => {
    const { vim, subject } = sample();
    const snapshots = await vim.snapshots.list();
    await vim.snapshots.delete(snapshots.map((s) => s.id));
    for (const injection of (await vim.faults?.active()) ?? []) await vim.faults?.heal(injection);
    const compute = await vim.locate(subject);
    const { powerState, quarantined, runId } = await vim.inspect(compute);
    if (quarantined) await vim.replacement?.unquarantine(compute, runId ?? '');
    if (powerState === 'suspended') await vim.pausing?.resume(compute);
    if (powerState === 'off' || powerState === 'crashed') await vim.start(compute);
    await expect
      .poll(
        () =>
          sample()
            .counter()
            .catch(() => -1),
        { timeout: bootMs },
      )
      .toBeGreaterThanOrEqual(0);
  });
  return {
    name,
    gaps,
    alsoFaults,
    sample,
    proves(rows, title, body) {
      test(title, { tag: tagsOf(rows, name) }, async ({}, info) => {
        const found = missing(rows, await sample().vim.capabilities());
        for (const { row, reason } of found) {
          expect(gaps[row], `${row} is not supported ("${reason}") and not among the gaps`).toBeDefined();
        }
        test.skip(found.length > 0, found.map(({ row, reason }) => `${row}: ${reason}`).join('; '));
        const hidden = rows.flatMap((row) => (unshown[row] === undefined ? [] : [`${row}: ${unshown[row]}`]));
        test.skip(hidden.length > 0, hidden.join('; '));
        await body(sample(), info);
      });
    },
  };
}

const tagsOf = (rows: readonly CapabilityRow[], vim: string): string[] => [
  ...rows.filter((row) => /^(OP|TQ)-/.test(row)).map((row) => `@${row}`),
  ...rows.flatMap((row) => alsoProven[row] ?? []).map((row) => `@${row}`),
  `@vim:${vim}`,
];

/** Whether a VNFC goes on with its memory after a revert or a restoration; else it boots, and only its disks are as they were. */
export const bringsMemoryBack = async ({ vim }: ContractSample): Promise<boolean> =>
  vim.replacement?.disksAlone !== true && missing(['OP-revert.revert'], await vim.capabilities()).length === 0;

/** Captures and stores the subject. */
export async function snapshotOf(
  s: ContractSample,
  request: Partial<CreateSnapshotRequest> = {},
): Promise<InstanceSnapshot> {
  const compute = await s.vim.locate(s.subject);
  return (await s.vim.snapshots.capture(compute, { name: 'contract', type: 'warm', ...request })).store();
}
