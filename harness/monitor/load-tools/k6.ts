import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Timetable } from '../timetable.js';
import type { LoadTool, ToolJob, ToolSample } from './tool.js';

/** k6 wants whole rates: so many of its time units make a second. */
const parts = 100;

const resultsFile = ({ folder }: ToolJob): string => join(folder, 'k6.json');

/** Source: k6 documentation, arrival-rate executors. */
function executor(timetable: Timetable, { durationMs, connections }: ToolJob): object {
  const vus = { preAllocatedVUs: Math.min(connections, 50), maxVUs: connections, timeUnit: `${parts}s` };
  if (timetable.kind !== 'ramp') {
    const rate = timetable.kind === 'constant' ? timetable.rateHz : 0;
    return { executor: 'constant-arrival-rate', rate: Math.round(rate * parts), duration: `${durationMs}ms`, ...vus };
  }
  const { fromHz, toHz, overMs } = timetable;
  const target = Math.round(toHz * parts);
  const steadyMs = Math.max(0, durationMs - overMs);
  return {
    executor: 'ramping-arrival-rate',
    startRate: Math.round(fromHz * parts),
    stages: [
      { target, duration: `${Math.min(overMs, durationMs)}ms` },
      { target, duration: `${steadyMs}ms` },
    ],
    ...vus,
  };
}

function script(job: ToolJob): string {
  const { request, url } = job;
  const { prefix, from, to } = request.keys ?? { prefix: '', from: 1, to: 1 };
  const options = { scenarios: { load: { ...executor(job.timetable, job), gracefulStop: '0s' } } };
  return `import http from 'k6/http';
import exec from 'k6/execution';
export const options = ${JSON.stringify(options)};
const url = ${JSON.stringify(url)}, body = ${JSON.stringify(request.body ?? null)};
export default function () {
  const key = ${JSON.stringify(prefix)} + (${from} + exec.scenario.iterationInTest % ${to - from + 1});
  http.request(${JSON.stringify(request.method)}, url.split('{key}').join(encodeURIComponent(key)),
    body === null ? null : body.split('{key}').join(key), { timeout: ${request.timeoutMs}, redirects: 0, tags: { name: 'load' } });
}
`;
}

/** Source: k6 documentation, JSON output: a line for each metric, and one for each of its points. */
const point = z.object({
  type: z.literal('Point'),
  metric: z.literal('http_req_duration'),
  data: z.object({
    time: z.string(),
    value: z.number(),
    tags: z.object({ status: z.string().optional(), error_code: z.string().optional() }),
  }),
});

/** The time of a point is that of the answer. */
function sampleOf(line: string, statuses: readonly number[]): ToolSample | undefined {
  if (!line.includes('"http_req_duration"')) return undefined;
  const found = point.safeParse(JSON.parse(line));
  if (!found.success) return undefined;
  const { time, value, tags } = found.data.data;
  const status = Number(tags.status ?? 0);
  // A request without an answer has the status 0, and a code from 1000 on.
  const outcome = status === 0 ? `k6 ${tags.error_code ?? 'error'}` : String(status);
  return { sentMs: Date.parse(time) - value, durationMs: value, ok: statuses.includes(status), outcome };
}

export const k6: LoadTool = {
  program: 'k6',
  isOpenLoop: true,
  home: 'https://grafana.com/docs/k6/latest/set-up/install-k6/',
  refuses({ timetable }) {
    const { kind } = timetable;
    return kind === 'constant' || kind === 'ramp' ? undefined : `k6 sends at a constant or a rising rate, no ${kind}`;
  },
  command: (job) => ({
    args: ['run', '--quiet', '--no-usage-report', '--no-summary', '--out', `json=${resultsFile(job)}`, '-'],
    input: script(job),
  }),
  async read(_, job) {
    const samples: ToolSample[] = [];
    for await (const line of createInterface({ input: createReadStream(resultsFile(job)) })) {
      const found = line === '' ? undefined : sampleOf(line, job.request.expect.status);
      if (found !== undefined) samples.push(found);
    }
    return { clock: 'epoch', samples };
  },
};
