/** The safety code in groups that are mutated together, and the specs that are to notice when it does something else. */
export interface Suspects {
  readonly name: string;
  readonly files: readonly string[];
  readonly specs: readonly string[];
}

export const suspects: readonly Suspects[] = [
  {
    name: 'heal',
    files: [
      'harness/util/undo.ts',
      'harness/fault/injector.ts',
      'harness/online-test/timeline.ts',
      'harness/online-test/blast-radius.ts',
      'harness/online-test/undo-entry.ts',
    ],
    specs: [
      'test/util/undo.spec.ts',
      'test/online-test/blast-radius.spec.ts',
      'test/online-test/undo-entry.spec.ts',
      'test/online-test/timeline.spec.ts',
      'test/fault/injector.spec.ts',
    ],
  },
  {
    name: 'lease',
    files: ['harness/online-test/lease.ts', 'harness/online-test/guard.ts', 'harness/online-test/stop.ts'],
    specs: ['test/online-test/lease.spec.ts', 'test/online-test/stop-runs.spec.ts', 'test/online-test/guard.spec.ts'],
  },
  {
    name: 'stop-conditions',
    files: ['harness/online-test/stop-conditions.ts'],
    specs: ['test/online-test/stop-conditions.spec.ts'],
  },
  {
    name: 'journal',
    files: ['harness/store/journal.ts', 'harness/store/reserve.ts'],
    specs: ['test/store/journal.spec.ts', 'test/store/reserve.spec.ts'],
  },
];
