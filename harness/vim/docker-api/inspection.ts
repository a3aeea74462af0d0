import { cpus as cpusOfMachine, totalmem } from 'node:os';
import type Docker from 'dockerode';
import { OrdealError } from '../../util/errors.js';
import type { OciContainer } from '../oci/engine.js';

/** All that the daemon needs to create another container like it. */
export interface DockerSpec extends Record<string, unknown> {
  /** Its image itself: the name in `config` may be gone, or lead to another one by now. */
  readonly imageId?: string;
  readonly config: object;
  readonly hostConfig: Docker.HostConfig;
  readonly networks: Readonly<Record<string, { address: string; mac?: string; aliases: readonly string[] }>>;
}

/** @param isHere its process and its layer are on this machine; else they are out of reach, and not told */
export function fromInspection(info: Docker.ContainerInspectInfo, isHere = true): OciContainer {
  const { State: state, HostConfig: hostConfig } = info;
  const networks = Object.entries(info.NetworkSettings.Networks ?? {}).map(([network, it]) => {
    const fixed: unknown = Reflect.get(it, 'IPAMConfig');
    return {
      network,
      address: it.IPAddress || fixedAddress(fixed),
      ...(it.MacAddress === '' ? {} : { mac: it.MacAddress }),
      // The engine adds the id by itself.
      aliases: namesIn(it.Aliases).filter((a) => !info.Id.startsWith(a)),
    };
  });
  const spec: DockerSpec = {
    imageId: info.Image,
    config: info.Config,
    hostConfig,
    networks: Object.fromEntries(networks.map(({ network, ...it }) => [network, it])),
  };
  const cpus = (hostConfig.NanoCpus ?? 0) / 1e9;
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    status: state.Running ? 'running' : state.Status === 'created' ? 'created' : 'stopped',
    isPaused: state.Paused,
    pid: isHere ? state.Pid : 0,
    exitCode: state.ExitCode,
    labels: info.Config.Labels ?? {},
    ...(state.Running ? { startedAt: state.StartedAt } : {}),
    layer: isHere ? layerOf(info) : '',
    volumes: info.Mounts.filter((m) => m.RW && (m.Type === 'volume' || m.Type === 'bind')).map((m) => ({
      destination: m.Destination,
      source: m.Source,
      ...(m.Name === undefined ? {} : { name: m.Name }),
    })),
    networks,
    memoryBytes: hostConfig.Memory || totalmem(),
    vcpus: cpus > 0 ? cpus : cpusOfMachine().length,
    blockers: blockersIn(hostConfig),
    restartPolicy: hostConfig.RestartPolicy?.Name || 'no',
    image: info.Config.Image,
    spec,
  };
}

const fixedAddress = (ipam: unknown): string => {
  const address: unknown = typeof ipam === 'object' && ipam !== null ? Reflect.get(ipam, 'IPv4Address') : undefined;
  return typeof address === 'string' ? address : '';
};

/** What its configuration alone says against a dump of its memory, each with what to do about it. */
function blockersIn(hostConfig: Docker.HostConfig): string[] {
  const found: string[] = [];
  if (hostConfig.Privileged === true)
    found.push('it is privileged: CRIU cannot tell what it holds of the host; go cold');
  if ((hostConfig.Devices ?? []).length > 0 || (hostConfig.DeviceRequests ?? []).length > 0) {
    found.push('it has devices of the host, whose state nobody can save; go cold');
  }
  for (const [what, mode] of Object.entries({
    pid: hostConfig.PidMode,
    ipc: hostConfig.IpcMode,
    network: hostConfig.NetworkMode,
    uts: hostConfig.UTSMode,
  })) {
    if (mode === 'host' || mode?.startsWith('container:')) {
      found.push(`it shares its ${what} namespace (${mode}); give it one of its own, or go cold`);
    }
  }
  return found;
}

/** Only overlay file systems have a layer that is a directory. */
function layerOf(info: Docker.ContainerInspectInfo): string {
  const graph: unknown = Reflect.get(info, 'GraphDriver');
  const data: unknown = typeof graph === 'object' && graph !== null ? Reflect.get(graph, 'Data') : undefined;
  const layer: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'UpperDir') : undefined;
  if (typeof layer === 'string' && layer !== '') return layer;
  throw new OrdealError('capability-missing', `The layer of "${info.Name}" is no directory of this machine`, {
    expected: 'the storage driver overlay2',
    remedy: 'Use overlay2; other storage drivers are not driven.',
  });
}

const namesIn = (aliases: unknown): string[] =>
  Array.isArray(aliases) ? aliases.filter((a): a is string => typeof a === 'string') : [];
