import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { until } from '../../../harness/util/deadline.js';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { ensurePackages } from '../debian.js';
import { InnerPorts } from '../inner-ports.js';
import { RelayedPorts } from '../relayed-ports.js';
import { type ControlPlanePrograms, controlPlanePrograms } from './binaries.js';
import { CertificationAuthority, serviceAccountKeys } from './certificates.js';
import { addresses, ended, NetworkNamespace } from './namespace.js';

const needed = { etcd: 'etcd-server', openssl: 'openssl', ip: 'iproute2', setpriv: 'util-linux' };
const startMs = 90_000;

/**
 * A real Kubernetes control plane of our own: etcd, kube-apiserver and kube-controller-manager in a network namespace,
 * with RBAC on. It has no kubelet: NodePlayer plays one, and says so.
 */
export class ControlPlane implements AsyncDisposable {
  #apiServer: ChildProcess | undefined;
  #controllerManager: ChildProcess | undefined;
  #innerPorts: Promise<InnerPorts> | undefined;

  private constructor(
    readonly folder: string,
    readonly namespace: NetworkNamespace,
    readonly ports: RelayedPorts,
    readonly binaries: ControlPlanePrograms,
    readonly authority: CertificationAuthority,
    /** https://127.0.0.1:<port>; the same after a restart. */
    readonly url: string,
    readonly adminToken: string,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start(): Promise<ControlPlane> {
    await ensurePackages(needed);
    const binaries = await controlPlanePrograms();
    const namespace = await NetworkNamespace.open();
    const folder = await mkdtemp(join(tmpdir(), 'ordeal-kubernetes-'));
    let plane: ControlPlane | undefined;
    try {
      const authority = await CertificationAuthority.make(folder);
      const ports = await RelayedPorts.start(namespace.file, join(folder, 'relay'));
      const url = (await ports.reach(`${addresses.controlPlane}:6443`)).replace('http:', 'https:');
      const token = randomBytes(16).toString('hex');
      plane = new ControlPlane(folder, namespace, ports, binaries, authority, url, token);
      await plane.#startAll();
      return plane;
    } catch (e) {
      await plane?.[Symbol.asyncDispose]();
      await namespace[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
      throw e;
    }
  }

  /** @param server as seen from inside of the namespace when it is given */
  kubeConfig(token = this.adminToken, server = this.url): KubeConfig {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'test', server, caFile: this.authority.file }],
      users: [{ name: 'test', token }],
      contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
      currentContext: 'test',
    });
    return config;
  }

  /** Addresses in its network that lead to this process. */
  innerPorts(): Promise<InnerPorts> {
    this.#innerPorts ??= InnerPorts.start(this.namespace.file, join(this.folder, 'inner'));
    return this.#innerPorts;
  }

  get innerUrl(): string {
    return `https://${addresses.controlPlane}:6443`;
  }

  /** For programs that read a file. @returns its path */
  async writeKubeConfig(name: string, token = this.adminToken, server = this.url): Promise<string> {
    const file = join(this.folder, `${name}.kubeconfig`);
    await writeFile(file, this.kubeConfig(token, server).exportConfig(), { mode: 0o600 });
    return file;
  }

  /** As a crash would end it: connections break, nothing is told to anybody. The controllers on its machine go with it. */
  async killApiServer(): Promise<void> {
    if (this.#controllerManager !== undefined) await ended(this.#controllerManager, 'SIGKILL');
    if (this.#apiServer !== undefined) await ended(this.#apiServer, 'SIGKILL');
  }

  async startApiServer(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    this.#apiServer = await this.namespace.start(at('kube-apiserver.log'), this.binaries['kube-apiserver'], [
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${addresses.controlPlane}`,
      `--bind-address=${addresses.controlPlane}`,
      '--secure-port=6443',
      `--tls-cert-file=${at('apiserver.crt')}`,
      `--tls-private-key-file=${at('apiserver.key')}`,
      `--token-auth-file=${at('tokens.csv')}`,
      '--authorization-mode=RBAC',
      `--service-account-issuer=https://ordeal.test`,
      `--service-account-signing-key-file=${at('service-accounts.key')}`,
      `--service-account-key-file=${at('service-accounts.pub')}`,
      `--service-cluster-ip-range=${addresses.services}.0/24`,
      '--allow-privileged=true',
      `--kubelet-certificate-authority=${this.authority.file}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--endpoint-reconciler-type=none',
      // The cache waits for a progress notice that etcd before 3.4.25 does not give, and fails watches meanwhile.
      '--watch-cache=false',
      '--v=1',
    ]);
    await this.#ready(this.#apiServer);
    await this.#startControllerManager();
  }

  async #startAll(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    await serviceAccountKeys(this.folder);
    const names = ['127.0.0.1', addresses.controlPlane, `${addresses.services}.1`].map((ip) => `IP:${ip}`);
    await this.authority.issue('apiserver', names);
    await this.authority.issue('kubelet', [`IP:${addresses.node}`]);
    await writeFile(at('tokens.csv'), `${this.adminToken},admin,admin,"system:masters"\n`, { mode: 0o600 });
    await mkdir(at('etcd'), { mode: 0o700 });
    await this.namespace.start(at('etcd.log'), 'etcd', [
      `--data-dir=${at('etcd')}`,
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--logger=zap',
      '--log-level=warn',
    ]);
    await this.startApiServer();
  }

  async #startControllerManager(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    const config = await this.writeKubeConfig('controller-manager', this.adminToken, this.innerUrl);
    const log = at('kube-controller-manager.log');
    this.#controllerManager = await this.namespace.start(log, this.binaries['kube-controller-manager'], [
      `--kubeconfig=${config}`,
      `--service-account-private-key-file=${at('service-accounts.key')}`,
      `--root-ca-file=${this.authority.file}`,
      '--leader-elect=false',
      '--use-service-account-credentials=false',
      '--concurrent-deployment-syncs=1',
      '--v=1',
    ]);
  }

  /** Healthy, too: the controllers give up when it is not within ten seconds of their start, and then no pod is ever made. */
  async #ready(server: ChildProcess): Promise<void> {
    const cluster = new Cluster(this.kubeConfig());
    const isHealthy = async () => {
      if (server.exitCode !== null) throw new Error(`kube-apiserver ended: ${await this.lastWords('kube-apiserver')}`);
      return cluster.stream('/healthz').then(
        (answer) => answer.resume() !== undefined,
        () => false,
      );
    };
    await until('kube-apiserver is healthy', isHealthy, { withinMs: startMs, everyMs: 100 });
  }

  async lastWords(program: string): Promise<string> {
    const log = await readFile(join(this.folder, `${program}.log`), 'utf8');
    return log.trim().split('\n').slice(-5).join('; ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#innerPorts)?.[Symbol.asyncDispose]();
    await this.ports[Symbol.asyncDispose]();
    await this.namespace[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
