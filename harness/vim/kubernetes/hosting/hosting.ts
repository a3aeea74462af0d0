import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { type HostedCall, type HostedSchedule, type Hosting, hostedResults } from '../../../model/hosting.js';
import { sleep } from '../../../util/deadline.js';
import { OrdealError } from '../../../util/errors.js';
import { Undo } from '../../../util/undo.js';
import { Access, needs, roleOf } from '../access.js';
import { ApiError } from '../errors.js';
import { label } from '../marks.js';
import type { Workloads } from '../workloads.js';
import { cronJobOf, filesAt, filesOf, jobOf, tokenOf } from './objects.js';

type HostedObject = { kind?: string | undefined; metadata?: { name?: string | undefined } | undefined };

const START_MS = 180_000;
const LOOK_MS = 500;
const plurals: Readonly<Record<string, string>> = {
  ConfigMap: '/api/v1 configmaps',
  Secret: '/api/v1 secrets',
  Job: '/apis/batch/v1 jobs',
  CronJob: '/apis/batch/v1 cronjobs',
};

/** A Job for a run, a CronJob for a scheduled test; beside the service, as the service account `ordeal`. */
export class KubernetesHosting implements Hosting {
  readonly filesAt = filesAt;

  constructor(readonly workloads: Workloads) {}

  objectsOf(call: HostedCall | HostedSchedule): readonly HostedObject[] {
    return 'cron' in call ? [filesOf(call), cronJobOf(call)] : [filesOf(call), jobOf(call)];
  }

  async check(call: HostedCall | HostedSchedule): Promise<void> {
    const { cluster, namespace } = this.workloads;
    const denied = await new Access(cluster, namespace).denied(needs.hosting);
    if (denied.length > 0) {
      throw new OrdealError('capability-missing', `Ordeal cannot be run in namespace ${namespace}`, {
        got: `may not ${denied.join(', ')}`,
        remedy: `Bind the role ${roleOf('host')} to whom you act as.`,
      });
    }
    for (const object of this.objectsOf(call)) await this.#apply(object, { dryRun: 'All' });
  }

  async run(call: HostedCall, { say, signal, take }: Parameters<Hosting['run']>[1]): Promise<number> {
    const { cluster } = this.workloads;
    const token = randomBytes(24).toString('base64url');
    const job = jobOf(call);
    const path = this.#path('Job', call.name);
    await using undo = new Undo();
    // Its files, its token and its pod are the Job's, and go with it.
    undo.defer(`remove the Job ${call.name}`, () => cluster.remove(path));
    const { metadata } = await cluster.call<V1Job>(this.#path('Job'), {
      method: 'POST',
      body: { ...job, spec: { ...job.spec, suspend: true } },
      query: { fieldValidation: 'Strict' },
      what: 'Ordeal cannot be run as a Job',
    });
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: call.name, uid: metadata?.uid };
    for (const object of [filesOf(call), tokenOf(call, token)]) {
      const body = { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } };
      await cluster.call(this.#path(object.kind ?? ''), { method: 'POST', body });
    }
    await cluster.call(path, { method: 'PATCH', body: { spec: { suspend: false } } });
    const pod = await this.#started(call, signal);
    const logs = new AbortController();
    const followed = this.#follow(pod, say, logs.signal);
    const exitCode = await this.#ended(call, pod, token, signal, take);
    // The last lines are there before the pod goes.
    await Promise.race([followed, sleep(2000)]);
    logs.abort();
    return exitCode;
  }

  async schedule(calls: readonly HostedSchedule[]): Promise<readonly string[]> {
    const lines: string[] = [];
    for (const call of calls) {
      for (const object of this.objectsOf(call)) await this.#apply(object, {});
      lines.push(`CronJob ${call.name}: "${call.cron}" ${call.timeZone}`);
    }
    return lines;
  }

  /** Server-side apply: what is there already is changed to this. */
  async #apply(object: HostedObject, query: { dryRun?: string }): Promise<void> {
    const { kind = '', metadata } = object;
    await this.workloads.cluster.call(this.#path(kind, metadata?.name), {
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: object,
      query: { fieldManager: 'ordeal', force: true, fieldValidation: 'Strict', ...query },
      what: `The cluster does not take the ${kind} "${metadata?.name}"`,
    });
  }

  /** @returns the name of its pod, once it runs or has run @throws OrdealError of kind timeout, with what holds it up */
  async #started(call: HostedCall, signal: AbortSignal): Promise<string> {
    const end = performance.now() + START_MS;
    let waiting = 'it has no pod: see the events of its Job';
    while (performance.now() < end) {
      signal.throwIfAborted();
      const labelSelector = `${label.job}=${call.name}`;
      const [pod] = await this.workloads.cluster.list<V1Pod>(this.workloads.path('pods'), { labelSelector });
      const { phase, containerStatuses = [] } = pod?.status ?? {};
      if (pod?.metadata?.name !== undefined && phase !== undefined && phase !== 'Pending') return pod.metadata.name;
      const state = containerStatuses[0]?.state?.waiting;
      if (state !== undefined) waiting = `${state.reason}: ${state.message ?? ''}`;
      await sleep(LOOK_MS);
    }
    throw new OrdealError('timeout', `The Job ${call.name} did not begin within ${START_MS} ms`, { got: waiting });
  }

  /** Until its results are there, or it is gone without any. */
  async #ended(
    call: HostedCall,
    pod: string,
    token: string,
    signal: AbortSignal,
    take: Parameters<Hosting['run']>[1]['take'],
  ): Promise<number> {
    const { cluster } = this.workloads;
    let isToldToEnd = false;
    const { port, path, tokenHeader, exitCodeHeader } = hostedResults;
    const results = `${this.workloads.path('pods', `${pod}:${port}`)}/proxy${path}`;
    for (;;) {
      if (signal.aborted && !isToldToEnd) {
        isToldToEnd = true;
        // Deleted with its grace period: it is sent SIGTERM, heals, and hands its results over.
        await cluster.remove(this.workloads.path('pods', pod));
      }
      try {
        const answer = await cluster.stream(results, { headers: { [tokenHeader]: token }, deadlineMs: 0 });
        const exitCode = Number(answer.headers[exitCodeHeader]);
        await take({ exitCode, results: answer });
        await cluster.call(results, { method: 'DELETE', headers: { [tokenHeader]: token } });
        return exitCode;
      } catch (e) {
        if (!isNotYet(e)) throw e;
      }
      const found = await cluster.find<V1Pod>(this.workloads.path('pods', pod));
      const { phase, containerStatuses = [] } = found?.status ?? {};
      if (found === undefined || phase === 'Failed' || phase === 'Succeeded') {
        const { reason = 'its pod was removed', exitCode } = containerStatuses[0]?.state?.terminated ?? {};
        throw new OrdealError('vim-failed', `The Job ${call.name} ended without results`, {
          got: exitCode === undefined ? reason : `${reason}, exit code ${exitCode}`,
          remedy: 'Look at its log; what it has left is in the labels ordeal.dev/run of the namespace.',
        });
      }
      await sleep(LOOK_MS);
    }
  }

  /** Goes on until the log ends or is enough; a log that cannot be followed is no failure of the run. */
  async #follow(pod: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
    try {
      const path = `${this.workloads.path('pods', pod)}/log`;
      const log = await this.workloads.cluster.stream(path, { query: { follow: true }, deadlineMs: 0 });
      signal.addEventListener('abort', () => log.destroy(), { once: true });
      for await (const line of createInterface({ input: log })) say(line);
    } catch (e) {
      if (!signal.aborted && e instanceof Error) say(`(its log cannot be followed: ${e.message})`);
    }
  }

  #path(kind: string, name?: string): string {
    const [api, plural] = (plurals[kind] ?? '').split(' ');
    return `${api}/namespaces/${this.workloads.namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
  }
}

/** Nothing listens in the pod yet (the proxy says 5xx), or the run has not ended (the pod says 425). */
function isNotYet(e: unknown): boolean {
  if (!(e instanceof OrdealError)) return false;
  if (e.kind === 'vim-unreachable') return true;
  return e.parts.cause instanceof ApiError && [404, 425, 500, 502, 503, 504].includes(e.parts.cause.status.code);
}
