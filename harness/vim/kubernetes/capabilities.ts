import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../model/capability.js';
import { faultKinds } from '../../model/fault.js';
import { OrdealError, reasonOf } from '../../util/errors.js';
import { Access, needs, needsOfFault, type Permission, roleOf } from './access.js';
import { ChaosMesh } from './chaos-mesh/client.js';
import { chaosKindOf } from './chaos-mesh/from-catalogue.js';
import { ApiError } from './errors.js';
import { chaosFaults, platformFaults } from './faults.js';
import { snapshotGroup } from './volumes.js';
import type { Workloads } from './workloads.js';

const unmeasured = 'Chaos Mesh injects it, but nothing in the Kubernetes API shows its dose at the target';
const noMeans = 'neither Kubernetes nor Chaos Mesh has a means for it';

const roleOfPlatformFault = {
  restart: 'fault-pod',
  evict: 'fault-pod',
  cordon: 'fault-node',
  drain: 'fault-node',
  scale: 'fault-scale',
} as const satisfies Record<(typeof platformFaults)[number], string>;

/** Found by asking the API server: what it serves, what we may do, and whether a kubelet makes checkpoints. */
export async function probeCapabilities(workloads: Workloads): Promise<CapabilityTable> {
  const { cluster, namespace } = workloads;
  const access = new Access(cluster, namespace);
  const allowed = async (permissions: readonly Permission[], role: string, how?: string): Promise<Capability> => {
    const denied = await access.denied([...needs.observe, ...permissions]);
    if (denied.length === 0) return yes(how);
    return no(`may not ${denied.join(', ')} in namespace ${namespace}; bind the role ${roleOf(role)}`);
  };
  const volumes = (await cluster.find(`/apis/${snapshotGroup}/v1`)) !== undefined;
  const disks = volumes
    ? await allowed(needs.volumes, 'snapshot', 'CSI VolumeSnapshot')
    : no(`the cluster does not serve ${snapshotGroup}/v1: no CSI snapshot controller is installed`);
  const memory = await checkpoints(workloads, await allowed(needs.checkpoint, 'checkpoint'));
  const power = await allowed(needs.power, 'replace', 'the Deployment is scaled');
  const instance = await allowed([], 'observe', 'the revision of the workload, with its volumes');
  const lost = 'no runtime takes a checkpoint back into a pod of a Deployment: memory is evidence only';
  const csi = 'the CSI driver decides it';
  const table: [CapabilityRow, Capability][] = [
    ['OP-create.instance', instance],
    ['OP-create.memory', memory],
    ['OP-create.disk', disks],
    ['OP-create.metadata', instance],
    ['OP-create.live', instance],
    ['OP-create.leave-running', instance],
    ['OP-create.stop', power],
    ['OP-create.quiesce', no('nothing in a pod answers a request to quiesce')],
    ['OP-create.tcp-established', memory.supported ? yes('connections are part of the checkpoint') : memory],
    ['OP-create.atomic', no('memory and volumes are captured one after the other, by different programs')],
    ['OP-create.path', no('volume snapshots lie where the CSI driver puts them')],
    [
      'OP-revert.revert',
      await allowed(needs.replacement, 'replace', 'to a cold snapshot: the revision of the workload, and its volumes'),
    ],
    ['OP-revert.tcp-established', no(lost)],
    ['OP-revert.file-locks', no(lost)],
    ['OP-revert.state', no('a pod is on or off: nothing pauses it')],
    ['OP-revert.force', no(lost)],
    ['OP-revert.host', no('the scheduler chooses the node')],
    ['OP-update.snapshot', no('what is captured is not written again; take a new snapshot')],
    ['OP-update.metadata', instance],
    ['OP-update.rename', instance],
    ['OP-list.list', instance],
    ['OP-list.filter', instance],
    ['OP-show.details', instance],
    ['OP-delete.filter', instance],
    ['OP-delete.consolidate', no(csi)],
    ['OP-export.image-files', no('checkpoint and objects are exported; volumes stay with their CSI driver')],
    ['OP-import.image-files', no('volumes stay with their CSI driver')],
    ['TQ-memory.internal', no('a checkpoint is an archive of its own')],
    ['TQ-memory.external', memory],
    ['TQ-disk.sequential', no(csi)],
    ['TQ-disk.incremental', no(csi)],
    ['TQ-disk.internal', no('volume snapshots are objects of the CSI driver')],
    ['TQ-disk.external', disks],
    ['pause', no('neither the API nor the kubelet freezes a pod')],
    ['storage', no('the volumes of a running pod do not change')],
    [
      'replacement',
      await allowed(
        needs.replacement,
        'replace',
        'a new pod of the revision and the volumes of the snapshot; memory is lost',
      ),
    ],
    ['replay', no('what came in after a snapshot is not recorded')],
  ];
  const served = await new ChaosMesh(cluster, namespace).served();
  for (const kind of chaosFaults) {
    const chaosKind = chaosKindOf[kind];
    const isServed = chaosKind !== undefined && served.has(chaosKind);
    const role = `fault-${chaosKind?.replace('Chaos', '').toLowerCase()}`;
    const found = isServed
      ? await allowed(needsOfFault(kind), role, `${chaosKind} of Chaos Mesh, which ends it by itself`)
      : no(`the cluster does not serve ${chaosKind}: Chaos Mesh is not installed`);
    table.push([`fault.${kind}`, found]);
  }
  for (const kind of platformFaults) {
    const found = await allowed(needsOfFault(kind), roleOfPlatformFault[kind], 'the Kubernetes API itself');
    table.push([`fault.${kind}`, found]);
  }
  const known = new Set(table.map(([row]) => row));
  for (const kind of faultKinds) {
    if (known.has(`fault.${kind}`)) continue;
    table.push([`fault.${kind}`, no(chaosKindOf[kind] === undefined ? noMeans : unmeasured)]);
  }
  return new Map(table);
}

/** Asked for a pod that there is not: a kubelet with the feature says so, one without it does not know the path. */
async function checkpoints({ cluster, namespace, deployed }: Workloads, allowed: Capability): Promise<Capability> {
  if (!allowed.supported) return allowed;
  const pods = await cluster.list<{ spec?: { nodeName?: string } }>(`/api/v1/namespaces/${namespace}/pods`);
  const node = pods.map((p) => p.spec?.nodeName).find((n) => n !== undefined);
  if (node === undefined || deployed.length === 0)
    return no('no pod of the service runs, so there is no kubelet to ask');
  try {
    await cluster.call(`/api/v1/nodes/${node}/proxy/checkpoint/${namespace}/ordeal-asks-only/none`, { method: 'POST' });
  } catch (e) {
    const status = e instanceof OrdealError && e.parts.cause instanceof ApiError ? e.parts.cause.status : undefined;
    if (status?.code === 404 && /does not exist/.test(status.message)) return yes('the checkpoint of the kubelet');
    return no(`the kubelet of "${node}" makes no checkpoints: ${reasonOf(e)}`);
  }
  return yes('the checkpoint of the kubelet');
}
