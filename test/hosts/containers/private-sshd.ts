import { until } from '../../../harness/util/deadline.js';
import { Sshd, sshdPort } from '../sshd.js';
import type { ContainerHost } from './container-host.js';

/** An sshd that sees what the engine of a container host sees. */
export class PrivateSshd implements AsyncDisposable {
  private constructor(
    readonly sshd: Sshd,
    /** host:port, from this process. */
    readonly address: string,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start({ machine: { namespaces, ports }, folder }: ContainerHost): Promise<PrivateSshd> {
    const enter = ['nsenter', ...namespaces.enter] as const;
    const sshd = await Sshd.start({ parent: folder, enter: [...enter], listens: '127.0.0.1' });
    const at = await ports.reach(`127.0.0.1:${sshdPort}`);
    const listens = () => namespaces.run('sh', '-c', `ss -Hltn sport = :${sshdPort}`);
    await until('sshd listens', async () => (await listens()) !== '', { withinMs: 20_000 });
    return new PrivateSshd(sshd, at.replace('http://', ''));
  }

  /** A command in the place of ssh that has the key, and takes that of a host that nobody has met before. */
  client(): Promise<string> {
    return this.sshd.client({ withKey: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sshd[Symbol.asyncDispose]();
  }
}
