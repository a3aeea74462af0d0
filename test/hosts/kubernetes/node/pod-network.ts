import { connect, type Socket } from 'node:net';
import type { ControlPlane } from '../control-plane.js';
import { addresses, NetworkNamespace } from '../namespace.js';

let last = 1;

/** A network namespace for each pod, on the bridge of the cluster: cut it, and nothing gets in or out. */
export class PodNetwork implements AsyncDisposable {
  private constructor(
    readonly plane: ControlPlane,
    readonly namespace: NetworkNamespace,
    readonly ip: string,
    readonly device: string,
  ) {}

  static async join(plane: ControlPlane): Promise<PodNetwork> {
    last = last >= 250 ? 2 : last + 1;
    const [ip, device] = [`${addresses.pods}.${last}`, `pod${last}`];
    const namespace = await NetworkNamespace.open('true');
    try {
      const pid = namespace.holder.pid;
      await plane.namespace.run('sh', [
        '-ec',
        `ip link add ${device} type veth peer name eth0 netns ${pid}; ip link set ${device} master pods up`,
      ]);
      await namespace.run('sh', [
        '-ec',
        `ip addr add ${ip}/24 dev eth0; ip link set eth0 up; ip route add default via ${addresses.pods}.1`,
      ]);
    } catch (e) {
      await namespace[Symbol.asyncDispose]();
      throw e;
    }
    return new PodNetwork(plane, namespace, ip, device);
  }

  /** A connection from the node to the pod. */
  connect(port: number): Socket {
    const socket = connect(this.plane.ports.socket);
    socket.write(`${this.ip}:${port}\n`);
    return socket;
  }

  async cut(isCut: boolean): Promise<void> {
    await this.plane.namespace.run('ip', ['link', 'set', this.device, isCut ? 'down' : 'up']);
  }

  /** What it sends to one address is lost; what comes from there is not. */
  async lose(to: string, isLost: boolean): Promise<void> {
    await this.namespace.run('ip', ['route', isLost ? 'replace' : 'del', 'blackhole', `${to}/32`]);
  }

  /** The device goes with the namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]();
  }
}
