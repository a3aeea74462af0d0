import type { KubernetesObject, V1Lease } from '@kubernetes/client-node';
import type { Exclusion } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { isConflict, isNotFound } from './cluster.js';
import type { KubernetesFaults } from './faults.js';
import { label, labelValue, objectName } from './marks.js';
import type { KubernetesReplacement } from './replacement.js';
import type { Workloads } from './workloads.js';

interface Held {
  readonly lease: V1Lease;
  readonly version: string;
  readonly holder: string;
  /** Milliseconds since its holder was heard of, by the clock of the API server alone. */
  readonly silentMs: number;
  readonly forMs: number;
}

const ATTEMPTS = 3;

/**
 * A Lease object (coordination.k8s.io/v1) for each service, in its namespace, with the run as its holder. All times in it are
 * by the API server's clock, so that the clocks of the machines that runs come from do not matter.
 */
export class LeaseExclusion implements Exclusion {
  constructor(
    readonly workloads: Workloads,
    readonly replacement: KubernetesReplacement,
    readonly faults: KubernetesFaults,
  ) {}

  async claim(runId: string, forMs: number): Promise<void> {
    for (let i = 0; i < ATTEMPTS; i++) {
      try {
        if (await this.#claimOnce(runId, forMs)) return;
      } catch (e) {
        // Somebody else was quicker: what there is now decides.
        if (!isConflict(e) && !isNotFound(e)) throw e;
      }
    }
    throw new OrdealError('busy', `Others claim "${this.#service}" at the same time`, { where: this.#where });
  }

  async #claimOnce(runId: string, forMs: number): Promise<boolean> {
    const { held, nowMs } = await this.#read();
    if (held === undefined) {
      await this.#write(runId, forMs, nowMs, undefined);
      return true;
    }
    if (held.holder === runId) return this.renew(runId, forMs);
    if (held.silentMs < held.forMs) {
      const seconds = (ms: number) => Math.max(0, Math.round(ms / 1000));
      throw new OrdealError('busy', `Run ${held.holder} holds "${this.#service}"`, {
        where: this.#where,
        got: `a sign of life ${seconds(held.silentMs)} s ago`,
        remedy: `Wait until it has ended; if it is dead, its hold ends in ${seconds(held.forMs - held.silentMs)} s.`,
      });
    }
    await this.#refuseLeftovers(held.holder);
    await this.#write(runId, forMs, nowMs, held.version);
    return true;
  }

  /** A run that died elsewhere, and has not been recovered, may still have faults on and pods in quarantine. */
  async #refuseLeftovers(holder: string): Promise<void> {
    const faults = (await this.faults.active()).map((f) => f.id);
    const pods = (await this.replacement.ownedBy()).map((c) => c.computeId);
    const left = [...faults, ...pods];
    if (left.length === 0) return;
    throw new OrdealError('busy', `Run ${holder} has died and left ${left.join(', ')} behind`, {
      where: this.#where,
      remedy: 'Run `ordeal recover` where it ran.',
    });
  }

  async renew(runId: string, forMs: number): Promise<boolean> {
    const { held, nowMs } = await this.#read();
    if (held?.holder !== runId) return false;
    try {
      await this.#write(runId, forMs, nowMs, held.version);
      return true;
    } catch (e) {
      if (isConflict(e) || isNotFound(e)) return false;
      throw e;
    }
  }

  async release(runId: string): Promise<void> {
    const { held } = await this.#read();
    if (held?.holder !== runId) return;
    try {
      const body = { preconditions: { resourceVersion: held.version } };
      await this.workloads.cluster.call(this.#path(this.#name), { method: 'DELETE', body });
    } catch (e) {
      if (!isConflict(e) && !isNotFound(e)) throw e;
    }
  }

  async #read(): Promise<{ held: Held | undefined; nowMs: number }> {
    const what = 'The hold on the service cannot be read';
    const query = { fieldSelector: `metadata.name=${this.#name}` };
    const { body, serverMs: nowMs } = await this.workloads.cluster.timed<{ items: V1Lease[] }>(
      this.#path(),
      query,
      what,
    );
    const [lease] = body.items;
    if (lease === undefined) return { held: undefined, nowMs };
    const { holderIdentity = '', renewTime, leaseDurationSeconds = 0 } = lease.spec ?? {};
    const silentMs = nowMs - new Date(String(renewTime ?? 0)).getTime();
    const version = lease.metadata?.resourceVersion ?? '';
    return { held: { lease, version, holder: holderIdentity, silentMs, forMs: leaseDurationSeconds * 1000 }, nowMs };
  }

  /** @param version what it is to take the place of; undefined: nothing */
  async #write(runId: string, forMs: number, nowMs: number, version: string | undefined): Promise<void> {
    // A MicroTime has six digits.
    const renewTime = new Date(nowMs).toISOString().replace('Z', '000Z');
    const body = {
      metadata: {
        name: this.#name,
        labels: { [label.run]: labelValue(runId), [label.service]: labelValue(this.#service) },
        ...(version === undefined ? {} : { resourceVersion: version }),
      },
      spec: { holderIdentity: runId, leaseDurationSeconds: Math.ceil(forMs / 1000), renewTime },
    };
    const what = `"${this.#service}" cannot be claimed for run ${runId}`;
    const [path, method] =
      version === undefined ? [this.#path(), 'POST' as const] : [this.#path(this.#name), 'PATCH' as const];
    await this.workloads.cluster.call<KubernetesObject>(path, { method, body, what });
  }

  #path(name?: string): string {
    const { namespace } = this.workloads;
    return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases${name === undefined ? '' : `/${name}`}`;
  }

  get #service(): string {
    return this.workloads.service.descriptor.id;
  }

  get #name(): string {
    return objectName(`ordeal-${this.#service}`);
  }

  get #where(): string {
    return `Lease ${this.#name} in namespace ${this.workloads.namespace}`;
  }
}
