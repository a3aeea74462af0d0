import type { V1ConfigMap } from '@kubernetes/client-node';
import { z } from 'zod';
import { type Injection, injection } from '../../model/fault.js';
import { validate } from '../../util/validate.js';
import { isConflict } from './cluster.js';
import { annotation, label, labelValue, objectName } from './marks.js';
import type { Workloads } from './workloads.js';

/** What the target was before the fault: enough to see the effect, and to heal from another process. */
const faultRecord = z.object({
  injection,
  targets: z.array(
    z.object({
      resource: z.string(),
      pod: z.string().optional(),
      podUid: z.string().optional(),
      restarts: z.number(),
      node: z.string().optional(),
      typicalMs: z.number().optional(),
      /** Its clock less ours, in milliseconds. */
      clockAheadMs: z.number().optional(),
    }),
  ),
  /** Nodes that took new pods before. */
  nodes: z.array(z.string()).default([]),
});
export type FaultRecord = z.output<typeof faultRecord>;

/** Written to the cluster before the fault is on, so that any process, anywhere, heals it. */
export class FaultRecords {
  constructor(readonly workloads: Workloads) {}

  async write(record: FaultRecord): Promise<void> {
    const { id, runId } = record.injection;
    const body: V1ConfigMap = {
      metadata: {
        name: objectName(id),
        labels: { [label.run]: labelValue(runId), [label.role]: 'fault', [label.service]: this.#service },
        annotations: { [annotation.injection]: id },
      },
      data: { record: JSON.stringify(record) },
    };
    try {
      await this.workloads.cluster.call(this.workloads.path('configmaps'), {
        method: 'POST',
        body,
        what: `The fault ${id} cannot be written down`,
      });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
  }

  async read(id: string): Promise<FaultRecord | undefined> {
    const found = await this.workloads.cluster.find<V1ConfigMap>(this.workloads.path('configmaps', objectName(id)));
    return found === undefined ? undefined : parse(found);
  }

  async remove(id: string): Promise<void> {
    await this.workloads.cluster.remove(this.workloads.path('configmaps', objectName(id)));
  }

  async all(): Promise<readonly Injection[]> {
    const labelSelector = `${label.role}=fault,${label.service}=${this.#service}`;
    const found = await this.workloads.cluster.list<V1ConfigMap>(this.workloads.path('configmaps'), { labelSelector });
    return found.map((it) => parse(it).injection);
  }

  get #service(): string {
    return labelValue(this.workloads.service.descriptor.id);
  }
}

const parse = (it: V1ConfigMap): FaultRecord =>
  validate(JSON.parse(it.data?.record ?? '{}'), `ConfigMap ${it.metadata?.name}`, faultRecord, 'vim-failed');
