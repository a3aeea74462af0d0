import type { ContainerRecord } from './runc-folder.js';

/** Those of a service that binds low ports and changes its user; nothing of the host. */
const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'NET_RAW', 'SETGID', 'SETUID'].map(
  (c) => `CAP_${c}`,
);
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const OPEN_FILES = 1024;
const PERIOD_US = 100_000;
const device = ['nosuid', 'noexec', 'nodev'];

export interface BundlePlaces {
  /** The mounted root file system. */
  readonly root: string;
  readonly networkNamespace: string;
  readonly cgroup: string;
  /** Directory of the host by destination. */
  readonly volumes: Readonly<Record<string, string>>;
}

/** The bundle's config.json. Source: OCI runtime specification 1.0.2, config.md and config-linux.md. */
export function bundleConfig({ spec }: ContainerRecord, places: BundlePlaces): object {
  const { memoryBytes, cpus } = spec;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: spec.args,
      env: [PATH, ...spec.env],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      // No more than what an engine without CAP_SYS_RESOURCE has itself.
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: OPEN_FILES, soft: OPEN_FILES }],
      noNewPrivileges: true,
    },
    root: { path: places.root, readonly: false },
    hostname: spec.hostname,
    mounts: [
      mount('/proc', 'proc', []),
      mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
      mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
      mount('/dev/shm', 'tmpfs', [...device, 'mode=1777', 'size=65536k'], 'shm'),
      mount('/sys', 'sysfs', [...device, 'ro']),
      ...spec.tmpfs.map((entry) => {
        const [path = '', options = ''] = entry.split(':');
        return mount(path, 'tmpfs', ['nosuid', 'nodev', ...options.split(',').filter((o) => o !== '')]);
      }),
      ...spec.binds.map(({ source, destination }) => ({
        destination,
        type: 'bind',
        source,
        options: ['rbind', 'ro'],
      })),
      ...Object.entries(places.volumes).map(([destination, source]) => ({
        destination,
        type: 'bind',
        source,
        options: ['rbind', 'rw'],
      })),
    ],
    linux: {
      cgroupsPath: places.cgroup,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } }),
        ...(cpus === undefined ? {} : { cpu: { period: PERIOD_US, quota: Math.round(cpus * PERIOD_US) } }),
      },
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'network', path: places.networkNamespace },
      ],
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/sched_debug', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}

const mount = (destination: string, type: string, options: readonly string[], source = type): object => ({
  destination,
  type,
  source,
  options,
});
