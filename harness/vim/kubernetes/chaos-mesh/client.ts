import { OrdealError } from '../../../util/errors.js';
import { type Cluster, isConflict } from '../cluster.js';
import {
  type ChaosKind,
  type ChaosObject,
  type ChaosSpecs,
  chaosKinds,
  chaosPath,
  group,
  holds,
  version,
} from './kinds.js';

export interface ChaosRequest<K extends ChaosKind> {
  readonly kind: K;
  readonly name: string;
  readonly spec: ChaosSpecs[K];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const PAUSE = 'experiment.chaos-mesh.org/pause';
/** The kinds whose status has no conditions: they have others inject for them, or look only. */
const withoutConditions: readonly ChaosKind[] = ['Schedule', 'Workflow', 'StatusCheck'];

/** Creates, watches, pauses, heals and removes the objects of Chaos Mesh in one namespace. Keeps no state of its own. */
export class ChaosMesh {
  constructor(
    readonly cluster: Cluster,
    readonly namespace: string,
  ) {}

  /**
   * An unknown field is an error too. Idempotent by name.
   * @throws OrdealError of kind scenario-invalid with all that the API server's schema and webhooks have against it
   */
  async create<K extends ChaosKind>(request: ChaosRequest<K>, options: { dryRun?: boolean } = {}): Promise<void> {
    const { kind, name, spec, labels, annotations } = request;
    const body = {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name, namespace: this.namespace, labels, ...(annotations === undefined ? {} : { annotations }) },
      spec,
    };
    const post = (fieldValidation: 'Strict' | 'Ignore', dryRun: boolean) =>
      this.cluster.call(chaosPath(this.namespace, kind), {
        method: 'POST',
        body,
        query: { fieldValidation, ...(dryRun ? { dryRun: 'All' } : {}) },
        what: `The cluster does not take ${kind} "${name}"`,
      });
    try {
      await post('Strict', options.dryRun === true);
    } catch (e) {
      if (isConflict(e) && (await this.find(kind, name)) !== undefined) return;
      if (!(e instanceof OrdealError) || e.kind !== 'scenario-invalid') throw e;
      // Unknown fields stop the API server before it looks at the others: ask for those as well, and tell all at once.
      const others = await post('Ignore', true).then(
        () => undefined,
        (other: unknown) => (other instanceof OrdealError ? other.parts.got : undefined),
      );
      if (others === undefined || others === e.parts.got) throw e;
      throw new OrdealError(e.kind, e.what, { ...e.parts, got: `${e.parts.got}; ${others}` });
    }
  }

  find<K extends ChaosKind>(kind: K, name: string): Promise<ChaosObject<K> | undefined> {
    return this.cluster.find(chaosPath(this.namespace, kind, name), `${kind} "${name}" cannot be read`);
  }

  /** Every object of a kind that carries the labels. */
  list<K extends ChaosKind>(kind: K, labelSelector: string): Promise<ChaosObject<K>[]> {
    return this.cluster.list(chaosPath(this.namespace, kind), { labelSelector }, `${kind} cannot be listed`);
  }

  /** Chaos Mesh says that it is on, at every target. What it does there is for the caller's own probe to prove. */
  async injected(kind: ChaosKind, name: string, withinMs: number): Promise<void> {
    if (withoutConditions.includes(kind)) return;
    await this.#wait(kind, name, `${kind} "${name}" is injected`, withinMs, (object) => {
      if (object === undefined) throw gone(kind, name);
      // What selects nothing is "all injected" as well.
      if (holds(object, 'AllInjected') && object.status?.experiment?.containerRecords?.length === 0) {
        throw new OrdealError('unknown-target', `${kind} "${name}" selects nothing`, {
          remedy: 'Look at the labels of the pods and at the selector.',
        });
      }
      return holds(object, 'AllInjected');
    });
  }

  async recovered(kind: ChaosKind, name: string, withinMs: number): Promise<void> {
    await this.#wait(kind, name, `${kind} "${name}" is recovered`, withinMs, (object) => {
      return object === undefined || holds(object, 'AllRecovered');
    });
  }

  /** The effect ends until `resume`; the object and its `duration` stay. */
  pause(kind: ChaosKind, name: string): Promise<void> {
    return this.#annotate(kind, name, { [PAUSE]: 'true' });
  }

  resume(kind: ChaosKind, name: string): Promise<void> {
    return this.#annotate(kind, name, { [PAUSE]: null });
  }

  /**
   * Asks for the recovery and waits for it: the object is gone when Chaos Mesh has taken everything back. Idempotent.
   * @throws OrdealError of kind timeout when it holds on to it; its finalizer stays then
   */
  async heal(kind: ChaosKind, name: string, withinMs: number): Promise<void> {
    await this.cluster.remove(chaosPath(this.namespace, kind, name), { what: `${kind} "${name}" cannot be deleted` });
    try {
      await this.#wait(kind, name, `The recovery from ${kind} "${name}"`, withinMs, (object) => object === undefined);
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'timeout') throw e;
      throw new OrdealError('timeout', `Chaos Mesh does not take ${kind} "${name}" back`, {
        where: this.cluster.url,
        got: e.parts.got ?? '',
        remedy:
          'See whether chaos-controller-manager and chaos-daemon run. vims.kubernetes.forceFinalizers: true removes the object without a recovery.',
        cause: e,
      });
    }
  }

  /** Only on request: the object goes, whatever it did to the target stays until somebody heals that. */
  async forceFinalizers(kind: ChaosKind, name: string): Promise<void> {
    if ((await this.find(kind, name)) === undefined) return;
    await this.cluster.call(chaosPath(this.namespace, kind, name), {
      method: 'PATCH',
      body: { metadata: { finalizers: null } },
      what: `The finalizers of ${kind} "${name}" cannot be removed`,
    });
  }

  /** The kinds that this cluster serves. */
  async served(): Promise<ReadonlySet<ChaosKind>> {
    const found = await this.cluster.find<{ resources: { kind: string }[] }>(`/apis/${group}/${version}`);
    const names = new Set(found?.resources.map((r) => r.kind));
    return new Set(chaosKinds.filter((k) => names.has(k)));
  }

  #wait(
    kind: ChaosKind,
    name: string,
    what: string,
    withinMs: number,
    look: (object: ChaosObject | undefined) => boolean,
  ): Promise<boolean> {
    return this.cluster.waitFor<ChaosObject, boolean>(chaosPath(this.namespace, kind, name), what, look, {
      withinMs,
      describe,
    });
  }

  async #annotate(kind: ChaosKind, name: string, annotations: Record<string, string | null>): Promise<void> {
    await this.cluster.call(chaosPath(this.namespace, kind, name), {
      method: 'PATCH',
      body: { metadata: { annotations } },
      what: `${kind} "${name}" cannot be changed`,
    });
  }
}

const gone = (kind: string, name: string): OrdealError =>
  new OrdealError('vim-failed', `${kind} "${name}" was deleted by somebody else while it was injected`);

/** What a person would look for in `kubectl describe`. */
function describe(object: ChaosObject | undefined): string {
  if (object === undefined) return 'there is none';
  const { conditions = [], experiment } = object.status ?? {};
  const said = conditions.map((c) => `${c.type} ${c.status}${c.reason ? ` (${c.reason})` : ''}`).join(', ');
  const failures = (experiment?.containerRecords ?? []).flatMap((record) =>
    (record.events ?? []).filter((e) => e.type === 'Failed').map((e) => `${record.id}: ${e.message}`),
  );
  const last = failures.at(-1);
  return `${said || 'no conditions yet: does chaos-controller-manager run?'}${last === undefined ? '' : `; ${last}`}`;
}
