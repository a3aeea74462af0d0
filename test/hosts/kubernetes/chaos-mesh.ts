import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { OrdealError } from '../../../harness/util/errors.js';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import {
  type ChaosSpecs,
  chaosKinds,
  group,
  pluralOf,
  version,
} from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import { type Cluster, isConflict } from '../../../harness/vim/kubernetes/cluster.js';
import { chaosMeshPrograms } from './binaries.js';
import type { ControlPlane } from './control-plane.js';
import { addresses, ended } from './namespace.js';

export const chaosMeshNamespace = 'chaos-mesh';
const own = chaosMeshNamespace;
const webhookPort = 9443;
const configurations = '/apis/admissionregistration.k8s.io/v1';
const startMs = 60_000;

/** Chaos Mesh's real chaos-controller-manager, with its webhooks, beside the API server. Its daemon is the node's. */
export class ChaosMeshManager implements AsyncDisposable {
  private constructor(
    readonly plane: ControlPlane,
    readonly cluster: Cluster,
    readonly process: ChildProcess,
  ) {}

  /**
   * Prerequisite: its CRDs are installed.
   * @param pauseImage what a pod that fails is said to run instead
   * @throws with the reason why there can be none here
   */
  static async start(
    plane: ControlPlane,
    cluster: Cluster,
    pauseImage = 'ordeal/pause:test',
  ): Promise<ChaosMeshManager> {
    const programs = await chaosMeshPrograms();
    const certificates = join(plane.folder, own);
    await mkdir(certificates, { recursive: true });
    const { key, certificate } = await plane.authority.issue(own, [`IP:${addresses.controlPlane}`]);
    await cp(key, join(certificates, 'tls.key'));
    await cp(certificate, join(certificates, 'tls.crt'));
    await created(cluster, '/api/v1/namespaces', { metadata: { name: own } });
    const log = join(plane.folder, `${own}.log`);
    const process = await plane.namespace.start(log, programs['chaos-controller-manager'], [], {
      KUBECONFIG: await plane.writeKubeConfig(own, plane.adminToken, plane.innerUrl),
      NAMESPACE: own,
      CERTS_DIR: certificates,
      WEBHOOK_HOST: addresses.controlPlane,
      WEBHOOK_PORT: String(webhookPort),
      METRICS_HOST: addresses.controlPlane,
      ENABLE_LEADER_ELECTION: 'false',
      // A user may strike only what he may: asked of the API server for each object.
      SECURITY_MODE: 'true',
      POD_FAILURE_PAUSE_IMAGE: pauseImage,
    });
    const manager = new ChaosMeshManager(plane, cluster, process);
    try {
      await manager.#installWebhooks();
      await manager.#ready();
    } catch (e) {
      await manager[Symbol.asyncDispose]();
      throw e;
    }
    return manager;
  }

  async #installWebhooks(): Promise<void> {
    const caBundle = Buffer.from(await this.plane.authority.pem()).toString('base64');
    const url = `https://${addresses.controlPlane}:${webhookPort}`;
    const hook = (name: string, path: string, resources: readonly string[]) => ({
      name,
      clientConfig: { url: `${url}${path}`, caBundle },
      rules: [{ apiGroups: [group], apiVersions: [version], operations: ['CREATE', 'UPDATE'], resources }],
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 10,
    });
    const ofEach = (verb: 'mutate' | 'validate') =>
      chaosKinds.map((kind) => {
        const name = kind.toLowerCase();
        return hook(`${verb}.${name}.test`, `/${verb}-chaos-mesh-org-${version}-${name}`, [pluralOf(kind)]);
      });
    await created(this.cluster, `${configurations}/mutatingwebhookconfigurations`, {
      metadata: { name: own },
      webhooks: ofEach('mutate'),
    });
    await created(this.cluster, `${configurations}/validatingwebhookconfigurations`, {
      metadata: { name: own },
      webhooks: [...ofEach('validate'), hook('auth.chaos-mesh.test', '/validate-auth', ['*'])],
    });
  }

  /** Its webhooks answer: until then the API server refuses every object of Chaos Mesh. */
  async #ready(): Promise<void> {
    const chaos = new ChaosMesh(this.cluster, own);
    const spec: ChaosSpecs['PodChaos'] = { action: 'pod-kill', mode: 'all', selector: { namespaces: [own] } };
    const answers = async () => {
      if (this.process.exitCode !== null) throw new Error(`chaos-controller-manager ended: ${await this.lastWords()}`);
      try {
        await chaos.create({ kind: 'PodChaos', name: 'ready', spec, labels: {} }, { dryRun: true });
        return true;
      } catch (e) {
        if (!(e instanceof OrdealError)) throw e;
        return false;
      }
    };
    await until('The webhooks of Chaos Mesh answer', answers, { withinMs: startMs, everyMs: 200 });
  }

  async lastWords(): Promise<string> {
    const log = await readFile(join(this.plane.folder, `${own}.log`), 'utf8');
    return log.trim().split('\n').slice(-5).join('; ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kind of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
      await this.cluster.remove(`${configurations}/${kind}/${own}`);
    }
    // Asked to end, its manager does and its process waits on.
    await ended(this.process, 'SIGKILL');
  }
}

async function created(cluster: Cluster, path: string, body: unknown): Promise<void> {
  try {
    await cluster.call(path, { method: 'POST', body });
  } catch (e) {
    if (!isConflict(e)) throw e;
  }
}
