import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attributesOf } from '../../harness/store/attribute-filter.js';
import { openState, type State } from '../../harness/store/state.js';
import { aSnapshot, fill, timed } from '../store/records.js';
import { markdownTable, median, spread } from './statistics.js';
import { memoryImages } from './store-images.js';

const MiB = 2 ** 20;
/** A repository of 100,000 VNF Snapshots: how fast it opens and answers. */
async function repository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ordeal-bench-repository-'));
  try {
    {
      await using state = await openState(folder);
      fill(state, 100_000);
    }
    const opened: number[] = [];
    const rounds = 9;
    const filters = [
      { vnf: 'vnf-3', limit: 100 },
      { vnf: 'vnf-3', purpose: 'restore', limit: 100 },
      { vnfc: 'vnf-3-a', limit: 100 },
      { name: 'nightly 1000' },
      { runId: 'run-77777' },
      { since: '2026-03-01T00:00:00Z', limit: 100 },
      { where: '(eq,vnfInstanceId,vnf-3);(gt,vnfcSnapshots/userDefinedData/bytesStored,1050000)', limit: 50 },
      { where: '(eq,vnfcSnapshots/computeSnapshotResource/resourceId,instance-500-vnf-0-a)' },
      { limit: 100 },
    ] as const;
    const times = filters.map((): number[] => []);
    const counts = filters.map(() => 0);
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      await using state = await openState(folder);
      opened.push(performance.now() - from);
      for (const [i, filter] of filters.entries()) {
        const asked = performance.now();
        counts[i] = state.vnfSnapshots.list(filter).length;
        times[i]?.push(performance.now() - asked);
      }
    }
    const rows = filters.map((filter, i) => [`\`${JSON.stringify(filter)}\``, `${counts[i]}`, spread(times[i] ?? [])]);
    await using state = await openState(folder);
    const all = everyAttribute(state);
    const bytes = (await stat(join(folder, 'ordeal.db'))).size;
    return [
      `100,000 VNF Snapshots; opening takes ${median(opened).toFixed(0)} ms (${spread(opened, 0)})`,
      '',
      markdownTable(['query', 'found', 'ms'], rows),
      '',
      `Every attribute of a snapshot, with a value of one in the middle, the newest 100; ${(bytes / MiB).toFixed(0)} MiB in all`,
      '',
      markdownTable(['operator', 'attributes', 'ms', 'the slowest'], all),
    ].join('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each operator on each attribute, three times. */
function everyAttribute({ vnfSnapshots }: State): string[][] {
  const attributes = new Map(attributesOf(aSnapshot(50_017)));
  return ['eq', 'neq', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'cont', 'ncont'].map((operator) => {
    const times = [...attributes].map(([path, value]) => {
      const where = [{ operator: operator as 'eq', attribute: path.split('/'), values: [value] }];
      return { path, ms: median([1, 2, 3].map(() => timed(() => vnfSnapshots.list({ where, limit: 100 }))[0])) };
    });
    const slowest = times.reduce((a, b) => (b.ms > a.ms ? b : a));
    return [operator, `${times.length}`, spread(times.map((t) => t.ms)), `${slowest.path}`];
  });
}

/** @param args `--images` or `--repository`: that part alone */
export async function bench(args: readonly string[] = []): Promise<string> {
  const parts = [args.includes('--repository') ? [] : [memoryImages], args.includes('--images') ? [] : [repository]];
  const told: string[] = [];
  for (const part of parts.flat()) told.push(await part());
  return told.join('\n\n');
}
if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${await bench(process.argv.slice(2))}\n`);
