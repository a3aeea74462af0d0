import { text } from 'node:stream/consumers';
import { OrdealError } from '../../util/errors.js';
import type { Deployment } from './deployment.js';
import { ApiError } from './errors.js';
import type { Seen, Workloads } from './workloads.js';

type Question = 'health' | 'link' | 'disk';

export interface Answer {
  readonly ok: boolean;
  readonly ms: number;
  /** The VNFC's own clock when it answered, in milliseconds since 1970; whole seconds. */
  readonly clockMs?: number;
  readonly said: string;
}

const ASK_MS = 3000;

/** Ordeal's own probe at the target: what the VNFC says of itself, asked through the API server's pod proxy. */
export class Asking {
  constructor(readonly workloads: Workloads) {}

  /** @throws OrdealError of kind capability-missing when the descriptor does not say how to ask it */
  async ask(seen: Seen, question: Question): Promise<Answer> {
    const { port, path } = this.#how(seen.resource, question);
    const pod = seen.pod?.metadata?.name;
    if (pod === undefined) return { ok: false, ms: 0, said: `"${seen.resource}" has no pod` };
    const { cluster } = this.workloads;
    const from = performance.now();
    try {
      const url = `${this.workloads.path('pods', `${pod}:${port}`)}/proxy${path}`;
      const answer = await cluster.stream(url, { deadlineMs: ASK_MS, what: `"${seen.resource}" cannot be asked` });
      const body = await text(answer);
      const clockMs = Date.parse(answer.headers.date ?? '');
      const ms = performance.now() - from;
      return { ok: true, ms, said: body.slice(0, 80), ...(Number.isNaN(clockMs) ? {} : { clockMs }) };
    } catch (e) {
      const refused =
        e instanceof OrdealError && e.parts.cause instanceof ApiError && e.parts.cause.status.code === 403;
      if (!(e instanceof Error) || refused) throw e;
      return { ok: false, ms: performance.now() - from, said: e.message };
    }
  }

  /** The median of some, in milliseconds; undefined when most get no answer. */
  async typicalMs(seen: Seen, question: Question, times = 7): Promise<number | undefined> {
    const took: number[] = [];
    for (let i = 0; i < times; i++) {
      const { ok, ms } = await this.ask(seen, question);
      if (ok) took.push(ms);
    }
    return took.length * 2 < times ? undefined : took.sort((a, b) => a - b)[took.length >> 1];
  }

  canAsk(resource: string, question: Question): boolean {
    return this.#settings(resource)?.[question] !== undefined;
  }

  #settings(resource: string): Deployment['ask'] {
    return this.workloads.deployed.find((d) => d.resource === resource)?.deployment.ask;
  }

  #how(resource: string, question: Question): { port: number; path: string } {
    const settings = this.#settings(resource);
    const path = settings?.[question];
    if (settings !== undefined && path !== undefined) return { port: settings.port, path };
    throw new OrdealError('capability-missing', `"${resource}" cannot be asked about its ${question}`, {
      where: this.workloads.service.file,
      remedy: `Say in its deployment how: ask: { port: …, ${question}: /path }.`,
    });
  }
}
