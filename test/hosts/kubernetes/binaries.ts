import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';
import { goPrograms } from './go-programs.js';

const installed = { variable: 'ORDEAL_HOSTS', value: 'install', takes: 'some minutes' };
/** Not with the others: its clouds and their libraries take longer to build than all of Kubernetes' node. */
const asked = { variable: 'ORDEAL_CHAOS_MESH', value: 'build', takes: 'four minutes of two cores' };
const cmd = 'k8s.io/kubernetes/cmd';

/** Kubernetes' own control plane. @throws with the reason why it cannot be had here */
export const controlPlanePrograms = () =>
  goPrograms({
    folder: 'control-plane',
    programs: {
      'kube-apiserver': `${cmd}/kube-apiserver`,
      'kube-controller-manager': `${cmd}/kube-controller-manager`,
    },
    wants: installed,
  });
export type ControlPlanePrograms = Awaited<ReturnType<typeof controlPlanePrograms>>;

/** Chaos Mesh's own controllers. @throws with the reason why they cannot be had here */
export const chaosMeshPrograms = () =>
  goPrograms({
    folder: 'chaos-mesh',
    programs: { 'chaos-controller-manager': 'github.com/chaos-mesh/chaos-mesh/cmd/chaos-controller-manager' },
    wants: asked,
  });

/** What Chaos Mesh's controllers call on a node. @throws with the reason why it cannot be had here */
export const chaosDaemonPrograms = () =>
  goPrograms({
    folder: 'chaos-mesh',
    programs: { 'chaos-daemon': 'github.com/chaos-mesh/chaos-mesh/cmd/chaos-daemon' },
    wants: asked,
    withC: fakeClocks,
  });

/** Chaos Mesh's own makefile compiles them into its source; the cache of Go is nothing to write to, so a copy takes its place. */
async function fakeClocks(source: string, work: string): Promise<readonly string[]> {
  const name = 'github.com/chaos-mesh/chaos-mesh';
  const cached = await shell('go', ['list', '-m', '-f', '{{.Dir}}', name], { cwd: source });
  const [copy, modfile] = [join(work, 'chaos-mesh'), join(work, 'go.mod')];
  await cp(cached.trim(), copy, { recursive: true });
  await shell('chmod', ['-R', 'u+w', copy]);
  for (const clock of ['fake_clock_gettime', 'fake_gettimeofday']) {
    const at = join(copy, 'pkg', 'time', 'fakeclock', clock);
    await shell('cc', ['-c', `${at}.c`, '-fPIE', '-O2', '-o', `${at}.o`]);
  }
  for (const file of ['go.mod', 'go.sum']) await cp(join(source, file), join(work, file));
  await shell('go', ['mod', 'edit', `-replace=${name}=${copy}`, modfile]);
  return [`-modfile=${modfile}`];
}

/** What brings pods to a node and runs them there. @throws with the reason why they cannot be had here */
export const nodePrograms = () =>
  goPrograms({
    folder: 'control-plane',
    programs: { kubelet: `${cmd}/kubelet`, 'kube-scheduler': `${cmd}/kube-scheduler` },
    wants: installed,
  });

const containerd = 'github.com/containerd/containerd/v2/cmd';

/** containerd 2 is the first that makes checkpoints for a kubelet. @throws with the reason why it cannot be had here */
export const runtimePrograms = () =>
  goPrograms({
    folder: 'container-runtime',
    programs: {
      containerd: `${containerd}/containerd`,
      'containerd-shim-runc-v2': `${containerd}/containerd-shim-runc-v2`,
      ctr: `${containerd}/ctr`,
    },
    wants: installed,
  });
