import { setMaxListeners } from 'node:events';
import { sleep } from '../../../harness/util/deadline.js';
import { OrdealError } from '../../../harness/util/errors.js';
import type { ChaosKind, ChaosObject } from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import {
  chaosKinds,
  chaosPath,
  group,
  holds,
  pluralOf,
  version,
} from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import { type Cluster, isNotFound } from '../../../harness/vim/kubernetes/cluster.js';

const FINALIZER = 'chaos-mesh/records';
const PAUSE = 'experiment.chaos-mesh.org/pause';

/** What the faults do to the pods of the test; absent: they do nothing but claim to. */
export interface PlayedEffects {
  on(object: ChaosObject): Promise<number>;
  off(object: ChaosObject): Promise<void>;
}

/**
 * Plays Chaos Mesh's controllers and daemon where the real ones cannot run: status, finalizer, `duration` and pause as
 * the real ones do them. What it shows about Ordeal's client is true of the API server; about Chaos Mesh it shows nothing.
 */
export class ChaosPlayer implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #watches: Promise<void>[];
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #on = new Set<string>();
  /** A controller that hangs: nothing is injected, nothing recovered. */
  hangs = false;

  constructor(
    readonly cluster: Cluster,
    readonly effects: PlayedEffects = { on: async () => 1, off: async () => undefined },
  ) {
    setMaxListeners(0, this.#stop.signal);
    this.#watches = chaosKinds.map((kind) => this.#follow(kind));
  }

  async #follow(kind: ChaosKind): Promise<void> {
    const path = `/apis/${group}/${version}/${pluralOf(kind)}`;
    while (!this.#stop.signal.aborted) {
      try {
        await this.cluster.watch<ChaosObject>(
          path,
          {},
          ({ type, object }) => this.#event(kind, type, object),
          this.#stop.signal,
        );
      } catch (e) {
        if (!(e instanceof Error)) throw e;
      }
      // The server is away, or ended the watch: what exists is told anew by the next one.
      if (!this.#stop.signal.aborted) await sleep(100);
    }
  }

  #event(kind: ChaosKind, type: string, object: ChaosObject): void {
    const name = object.metadata?.name ?? '';
    if (type !== 'ADDED' && type !== 'MODIFIED') return;
    const before = this.#turns.get(name) ?? Promise.resolve();
    const namespace = object.metadata?.namespace ?? 'default';
    this.#turns.set(
      name,
      before.then(() => this.#untilReconciled(kind, namespace, name)),
    );
  }

  /** As a controller does it: what fails is tried again, until it goes. */
  async #untilReconciled(kind: ChaosKind, namespace: string, name: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#reconcile(kind, namespace, name);
      } catch (e) {
        if (!(e instanceof OrdealError)) throw e;
        await sleep(200);
      }
    }
  }

  async #reconcile(kind: ChaosKind, namespace: string, name: string): Promise<void> {
    if (this.hangs || this.#stop.signal.aborted) return;
    const path = chaosPath(namespace, kind, name);
    const object = await this.cluster.find<ChaosObject>(path);
    if (object === undefined) return;
    const { deletionTimestamp, annotations = {}, finalizers = [] } = object.metadata ?? {};
    if (deletionTimestamp !== undefined) {
      await this.#off(object, name);
      clearTimeout(this.#timers.get(name));
      if (finalizers.includes(FINALIZER)) await this.#patch(path, { metadata: { finalizers: null } });
      return;
    }
    const paused = annotations[PAUSE] === 'true';
    if (paused) {
      if (!holds(object, 'Paused')) {
        await this.#off(object, name);
        await this.#patch(path, { status: statusOf(object, { injected: false, paused: true }) });
      }
      return;
    }
    const isOver = holds(object, 'AllRecovered') && !holds(object, 'Paused');
    if (isOver || holds(object, 'AllInjected')) return;
    await this.#patch(path, { metadata: { finalizers: [FINALIZER] } });
    this.#on.add(name);
    const targets = await this.effects.on(object);
    await this.#patch(path, { status: statusOf(object, { injected: true, paused: false, targets }) });
    const { duration } = object.spec as { duration?: string };
    const [, ms] = /^(\d+)ms$/.exec(duration ?? '') ?? [];
    if (ms !== undefined && !this.#timers.has(name)) {
      const timer = setTimeout(() => void this.#expire(kind, namespace, name), Number(ms));
      timer.unref();
      this.#timers.set(name, timer);
    }
  }

  async #expire(kind: ChaosKind, namespace: string, name: string): Promise<void> {
    const path = chaosPath(namespace, kind, name);
    const object = await this.cluster.find<ChaosObject>(path).catch(() => undefined);
    if (object === undefined || this.#stop.signal.aborted) return;
    await this.#off(object, name);
    await this.#patch(path, { status: statusOf(object, { injected: false, paused: false }) });
  }

  async #off(object: ChaosObject, name: string): Promise<void> {
    if (!this.#on.delete(name)) return;
    await this.effects.off(object);
  }

  async #patch(path: string, body: unknown): Promise<void> {
    const hasStatus =
      (path.includes('/schedules/') || path.includes('/workflows/') || path.includes('/statuschecks/')) &&
      JSON.stringify(body).includes('"status"');
    // These three have a status of their own, without conditions.
    if (hasStatus) return;
    try {
      await this.cluster.call(path, { method: 'PATCH', body });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#watches);
    await Promise.all(this.#turns.values());
  }
}

function statusOf(
  object: ChaosObject,
  { injected, paused, targets }: { injected: boolean; paused: boolean; targets?: number },
) {
  const truth = (it: boolean) => (it ? 'True' : 'False');
  const records = object.status?.experiment?.containerRecords ?? [];
  const fresh = Array.from({ length: targets ?? 0 }, (_, i) => ({
    id: `played-${i}`,
    selectorKey: '.',
    phase: 'Injected',
    injectedCount: 1,
    recoveredCount: 0,
  }));
  return {
    conditions: [
      { type: 'Selected', status: 'True' },
      { type: 'AllInjected', status: truth(injected) },
      { type: 'AllRecovered', status: truth(!injected) },
      { type: 'Paused', status: truth(paused) },
    ],
    experiment: {
      desiredPhase: injected ? 'Run' : 'Stop',
      containerRecords: targets === undefined ? records : fresh,
    },
  };
}
