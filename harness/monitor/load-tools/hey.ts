import type { LoadTool, ToolSample } from './tool.js';

/** Workers that share the rate: as many as keep one of them from waiting for an answer of a tenth of a second. */
const workersFor = (rateHz: number, connections: number): number =>
  Math.max(1, Math.min(connections, Math.ceil(rateHz / 10)));

/**
 * hey, as Debian has it: each worker sends its share of the rate, one request after the other, so a service that is slower
 * than that is asked less. What was not answered at all, hey does not tell.
 */
export const hey: LoadTool = {
  program: 'hey',
  isOpenLoop: false,
  home: 'https://github.com/rakyll/hey, or apt-get install hey',
  refuses({ timetable, request }) {
    if (timetable.kind !== 'constant') return `hey sends at a constant rate, no ${timetable.kind}`;
    return request.keys === undefined ? undefined : 'hey asks for one address, and the probe has keys';
  },
  command({ timetable, durationMs, connections, request, url }) {
    const rateHz = timetable.kind === 'constant' ? timetable.rateHz : 0;
    const workers = workersFor(rateHz, connections);
    const args = ['-z', `${durationMs}ms`, '-c', String(workers), '-q', String(rateHz / workers), '-o', 'csv'];
    const timeoutS = String(Math.max(1, Math.ceil(request.timeoutMs / 1000)));
    const body = request.body === undefined ? [] : ['-d', request.body];
    return { args: [...args, '-t', timeoutS, '-disable-redirects', '-m', request.method, ...body, url] };
  },
  async read(output, { request }) {
    const [header = '', ...lines] = output.trim().split('\n');
    const names = header.split(',');
    const [time, status, offset] = ['response-time', 'status-code', 'offset'].map((name) => names.indexOf(name));
    if (time === undefined || time < 0 || status === undefined || status < 0 || offset === undefined || offset < 0)
      throw new Error(`expected columns response-time, status-code and offset, got "${header.slice(0, 80)}"`);
    const samples = lines.map((line): ToolSample => {
      const cells = line.split(',');
      const code = Number(cells[status]);
      return {
        sentMs: Number(cells[offset]) * 1000,
        durationMs: Number(cells[time]) * 1000,
        ok: request.expect.status.includes(code),
        outcome: String(code),
      };
    });
    return { clock: 'since-start', samples };
  },
};
