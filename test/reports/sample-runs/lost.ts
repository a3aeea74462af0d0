import { runRecord } from '../../../harness/model/run-record.js';
import { failedRun } from './failed.js';
import { probes, type SampleRun } from './parts.js';
import { outagesOf } from './samples.js';

/** The worst night: not restored, still down, the fault still on, and names that are not meant to be read by browsers. */
export function lostRun(seed = 3): SampleRun {
  const { record, samples } = failedRun(seed);
  const cut = samples.filter((s) => s.intendedMs < 13_900);
  return {
    record: runRecord.parse({
      ...record,
      id: 'run-20261122T025814-c0ffee',
      title: 'A <script>alert("title")</script> & co. \u0001 "quoted"',
      outages: outagesOf(cut, probes),
      injections: record.injections.map(({ healedMs: _, ...i }) => i),
      verdicts: { service: 'failed', injection: 'confirmed', restoration: 'not-restored', evidence: 'incomplete' },
      packages: [],
      exitCode: 32,
      errors: [
        'VNFC "store-1~2" did not start: <no space> & nothing left. Free 16 MiB in the repository, then run `ordeal recover`.',
      ],
    }),
    samples: cut,
  };
}
