import { createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import type { KubernetesOptions } from './deployment.js';
import { label, objectName } from './marks.js';
import { isReady, type Seen, type Workloads } from './workloads.js';

const CHECKPOINT_MS = 120_000;
const READER_MS = 60_000;
const PORT = 8080;

/**
 * The kubelet's checkpoint: the memory of a container in a tar archive on its node, made while the container stands still.
 * The kubelet has no call that gives the archive away: a pod of ours on that node reads its folder.
 * https://kubernetes.io/docs/reference/node/kubelet-checkpoint-api/
 */
export class Checkpoints {
  constructor(
    readonly workloads: Workloads,
    readonly options: Pick<KubernetesOptions, 'checkpointReader' | 'checkpointFolder'>,
  ) {}

  /** @returns the archive's path on the node, and how long it took: an upper bound of the pause, in milliseconds */
  async take(seen: Seen): Promise<{ node: string; file: string; tookMs: number }> {
    const { pod } = seen;
    const node = pod?.spec?.nodeName;
    if (pod === undefined || node === undefined) {
      throw new OrdealError('vim-failed', `"${seen.computeId}" has no running pod: there is no memory to capture`);
    }
    const container = this.workloads.containerOf(seen);
    const from = performance.now();
    const path = `/api/v1/nodes/${node}/proxy/checkpoint/${this.workloads.namespace}/${pod.metadata?.name}/${container}`;
    const { items } = await this.workloads.cluster.call<{ items?: string[] }>(path, {
      method: 'POST',
      deadlineMs: CHECKPOINT_MS,
      what: `The kubelet of "${node}" makes no checkpoint of "${pod.metadata?.name}"`,
    });
    const [file] = items ?? [];
    if (file === undefined) throw new OrdealError('vim-failed', `The kubelet of "${node}" names no checkpoint`);
    return { node, file, tookMs: performance.now() - from };
  }

  /** Copies the archive here. The reader is gone afterwards, whatever happened. */
  async fetch(node: string, file: string, target: string): Promise<void> {
    const name = objectName(newId('ordeal-reader'));
    const { cluster } = this.workloads;
    const path = this.workloads.path('pods', name);
    await cluster.call(this.workloads.path('pods'), {
      method: 'POST',
      body: this.#reader(name, node),
      what: 'The checkpoint reader cannot be started',
    });
    try {
      const isUp = (pod: V1Pod | undefined) => pod !== undefined && isReady(pod);
      await cluster.waitFor<V1Pod, boolean>(path, `The checkpoint reader on "${node}" is ready`, isUp, {
        withinMs: READER_MS,
        describe: (pod) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? pod?.status?.phase ?? '',
      });
      const proxied = `${this.workloads.path('pods', `${name}:${PORT}`)}/proxy/${basename(file)}`;
      const answer = await cluster.stream(proxied, { deadlineMs: CHECKPOINT_MS, what: `${file} cannot be read` });
      await pipeline(answer, createWriteStream(target, { mode: 0o600 }));
    } finally {
      await cluster.remove(path, { graceSeconds: 0 });
    }
  }

  #reader(name: string, node: string): V1Pod {
    const { checkpointReader: image, checkpointFolder } = this.options;
    return {
      metadata: { name, labels: { [label.role]: 'checkpoint-reader' } },
      spec: {
        nodeName: node,
        restartPolicy: 'Never',
        // Lives no longer than the transfer may take, whoever dies.
        activeDeadlineSeconds: 300,
        automountServiceAccountToken: false,
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: 'reader',
            image,
            command: ['httpd', '-f', '-p', String(PORT), '-h', '/checkpoints'],
            readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
            securityContext: {
              readOnlyRootFilesystem: true,
              allowPrivilegeEscalation: false,
              capabilities: { drop: ['ALL'] },
            },
            volumeMounts: [{ name: 'checkpoints', mountPath: '/checkpoints', readOnly: true }],
          },
        ],
        volumes: [{ name: 'checkpoints', hostPath: { path: checkpointFolder } }],
      },
    };
  }
}
