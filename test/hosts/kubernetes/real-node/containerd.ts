import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { until } from '../../../../harness/util/deadline.js';
import { runtimePrograms } from '../binaries.js';
import { type ImageRecipe, writeImage } from './image-archive.js';
import type { NodeMachine } from './node-machine.js';

const startMs = 60_000;
/** Where Debian's containernetworking-plugins has them. */
const cniPlugins = '/usr/lib/cni';

/** A real containerd with runc and CRIU; it ends with the machine of its node. */
export class Containerd {
  private constructor(
    readonly machine: NodeMachine,
    readonly ctr: string,
  ) {}

  /**
   * @param pods the first three numbers of the addresses of the pods
   * @param criuFolder has the command `criu`
   * @throws with the reason why there can be none here
   */
  static async start(machine: NodeMachine, pods: string, criuFolder: string, pause: string): Promise<Containerd> {
    const programs = await runtimePrograms();
    const { folder } = machine;
    for (const name of ['cni', 'containerd', 'images']) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'cni', '10-pods.conflist'), JSON.stringify(podNetwork(folder, pods)));
    await writeFile(join(folder, 'containerd.toml'), settings(folder, pause));
    const path = [criuFolder, dirname(programs.containerd), process.env.PATH].join(':');
    const config = `--config=${join(folder, 'containerd.toml')}`;
    const log = join(folder, 'containerd.log');
    const child = await machine.start(log, programs.containerd, [config], { PATH: path });
    const containerd = new Containerd(machine, programs.ctr);
    const answers = async () => {
      if (child.exitCode !== null) throw new Error(`containerd ended: ${await lastWords(log)}`);
      return containerd.#ctr('version').then(
        () => true,
        () => false,
      );
    };
    await until('containerd answers', answers, { withinMs: startMs, everyMs: 200 });
    return containerd;
  }

  get socket(): string {
    return socketIn(this.machine.folder);
  }

  /** Of the containers that run: each is called as its container. */
  async cgroups(): Promise<string[]> {
    const tasks = join(this.machine.folder, 'containerd', 'state', 'io.containerd.runtime.v2.task', 'k8s.io');
    // There is none before the first container.
    return existsSync(tasks) ? readdir(tasks) : [];
  }

  async load(recipe: ImageRecipe): Promise<void> {
    const archive = join(this.machine.folder, 'images', `${recipe.reference.replaceAll(/\W/g, '-')}.tar`);
    await writeImage(archive, recipe);
    await this.#ctr('images', 'import', archive);
  }

  #ctr(...args: readonly string[]): Promise<string> {
    return this.machine.run(this.ctr, ['--address', this.socket, '--namespace', 'k8s.io', ...args]);
  }
}

const socketIn = (folder: string): string => join(folder, 'containerd.sock');

/** Without CAP_SYS_RESOURCE no container can be made less likely to be killed than its runtime is. */
const settings = (folder: string, pause: string): string => `version = 3
root = '${join(folder, 'containerd', 'root')}'
state = '${join(folder, 'containerd', 'state')}'
[grpc]
address = '${socketIn(folder)}'
[plugins.'io.containerd.internal.v1.opt']
path = '${join(folder, 'containerd', 'opt')}'
[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${pause}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['${cniPlugins}']
conf_dir = '${join(folder, 'cni')}'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
`;

const podNetwork = (folder: string, pods: string) => ({
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'node-pods',
      isDefaultGateway: true,
      ipMasq: false,
      ipam: { type: 'host-local', dataDir: join(folder, 'addresses'), ranges: [[{ subnet: `${pods}.0/24` }]] },
    },
  ],
});

export async function lastWords(log: string): Promise<string> {
  return (await readFile(log, 'utf8')).trim().split('\n').slice(-5).join('; ');
}
