/** The safety code in groups that are mutated together, and the specs that are to notice when it does something else. */
export interface Suspects {
  readonly name: string;
  readonly files: readonly string[];
  readonly specs: readonly string[];
}

const safety = (name: string, specs: readonly string[] = [name]): Suspects => ({
  name,
  files: [`harness/online-test/${name}.ts`],
  specs: specs.map((s) => `test/online-test/${s}.spec.ts`),
});

/** One file each, so that a mutant costs no more than the specs of its own. */
export const suspects: readonly Suspects[] = [
  { name: 'undo', files: ['harness/util/undo.ts'], specs: ['test/util/undo.spec.ts'] },
  {
    name: 'injector',
    files: ['harness/fault/injector.ts'],
    specs: ['test/fault/injector.spec.ts', 'test/fault/dose.spec.ts'],
  },
  {
    name: 'journal',
    files: ['harness/store/journal.ts'],
    specs: ['test/store/journal.spec.ts', 'test/store/reserve.spec.ts', 'test/store/write-locks.spec.ts'],
  },
  { name: 'reserve', files: ['harness/store/reserve.ts'], specs: ['test/store/reserve.spec.ts'] },
  { name: 'write-locks', files: ['harness/store/write-locks.ts'], specs: ['test/store/write-locks.spec.ts'] },
  safety('blast-radius'),
  safety('fence'),
  safety('guard'),
  safety('guard-watch'),
  // The times of a lease are tested with the harness' side of it.
  safety('lease', ['lease', 'guard']),
  {
    name: 'recover',
    files: ['harness/online-test/recover.ts', 'harness/online-test/status.ts'],
    specs: ['test/online-test/recover.spec.ts', 'test/online-test/recover-covered.spec.ts'],
  },
  safety('recovery', ['recover', 'recover-covered']),
  safety('recovery-step'),
  safety('rescue', ['rescue', 'recover-covered']),
  safety('stop', ['stop-runs']),
  safety('stop-conditions', ['stop-conditions', 'stop-watch']),
  safety('sweep'),
  safety('timeline'),
  safety('undo-entry'),
  safety('untold-run', ['recover-covered']),
  safety('recover-operations'),
  safety('gone', ['undo-entry', 'rescue', 'recover-covered']),
];
