import type { ComputeId } from '../../model/vim.js';

/** A directory of the host that a container has mounted, and that belongs to its state. */
export interface Volume {
  readonly destination: string;
  readonly source: string;
  /** The engine's name for it; absent for a directory of the host. */
  readonly name?: string;
}

/** One network that a container is on; enough to put it back as it was. */
export interface Attachment {
  readonly network: string;
  readonly address: string;
  readonly mac?: string | undefined;
  readonly aliases: readonly string[];
}

/** A container as its engine and the kernel know it at one moment. */
export interface OciContainer {
  readonly id: ComputeId;
  readonly name: string;
  readonly status: 'created' | 'running' | 'stopped';
  /** Paused by the engine itself, not by us. */
  readonly isPaused: boolean;
  /** Its first process as this machine numbers it; 0 when it does not run. */
  readonly pid: number;
  readonly exitCode: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt?: string;
  /** The writable layer: a directory of the host. */
  readonly layer: string;
  readonly volumes: readonly Volume[];
  readonly networks: readonly Attachment[];
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** Why its memory cannot be captured, each with what to do about it; found in its configuration alone. */
  readonly blockers: readonly string[];
  readonly restartPolicy: string;
  /** The name of its image. */
  readonly image: string;
  /** All that the engine needs to create another one like it. */
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface CreateOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the volume by destination, instead of those of the spec. */
  readonly volumes: Readonly<Record<string, string>>;
}

/** What is asked of a container engine; everything else is done once, below the engines, by the kernel's own means. */
export interface OciEngine extends AsyncDisposable {
  readonly kind: string;
  /** Where `runc --root` finds the engine's containers. */
  readonly runtimeRoot: string;
  version(): Promise<string>;
  /** Why it cannot start a container from a dump; undefined when it can. */
  cannotRestore(): Promise<string | undefined>;
  /** Those that carry the label. */
  list(label: string): Promise<readonly OciContainer[]>;
  find(idOrName: string): Promise<OciContainer | undefined>;
  /** The name of the image that `create` would need, when it is not there any more. */
  lacksImage(spec: OciContainer['spec']): Promise<string | undefined>;
  create(spec: OciContainer['spec'], options: CreateOptions): Promise<ComputeId>;
  start(container: OciContainer): Promise<void>;
  /** What a `restore` that follows at once needs, and can be had while the process of before still ends. */
  prepareRestore?(container: OciContainer, images: string): Promise<void>;
  /** Starts it with the memory of a dump; answers when it runs. @param images the folder that CRIU wrote */
  restore(container: OciContainer, images: string): Promise<void>;
  /** @returns whether it ended by itself within `graceMs` */
  stop(container: OciContainer, graceMs: number): Promise<boolean>;
  /** Answers when it has ended; nothing restarts it. */
  kill(container: OciContainer): Promise<void>;
  /** Undoes a pause of the engine's own. */
  unpause(container: OciContainer): Promise<void>;
  remove(container: OciContainer): Promise<void>;
  rename(container: OciContainer, name: string): Promise<void>;
  setRestartPolicy(container: OciContainer, policy: string): Promise<void>;
  /** Off every network. */
  disconnect(container: OciContainer): Promise<void>;
  connect(container: OciContainer, networks: readonly Attachment[]): Promise<void>;
  /** @returns the directory of the host */
  createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<string>;
  removeVolume(name: string): Promise<void>;
  volumesWith(label: string): Promise<readonly string[]>;
  /** Each line begins with its ISO 8601 time. */
  log(container: OciContainer): Promise<NodeJS.ReadableStream>;
}

export const serviceLabel = 'org.ordeal.service';
export const resourceLabel = 'org.ordeal.resource';
export const runLabel = 'org.ordeal.run';
