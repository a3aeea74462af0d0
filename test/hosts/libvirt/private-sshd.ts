import { Sshd, sshdPort } from '../sshd.js';
import type { PrivateLibvirtd } from './private-libvirtd.js';

const bridge = '10.77.0.1';

/** An sshd that sees what a private libvirtd sees, on its bridge; it ends with it. */
export class PrivateSshd implements AsyncDisposable {
  /** Of its namespace. */
  readonly address = `${bridge}:${sshdPort}`;

  private constructor(readonly sshd: Sshd) {}

  /** @throws with the reason why there can be none here */
  static async start(daemon: PrivateLibvirtd): Promise<PrivateSshd> {
    const network = `--net=/proc/${await daemon.innerPid()}/ns/net`;
    const enter = [...(await daemon.inItsFiles()), network] as [string, ...string[]];
    const needed = { nc: 'netcat-openbsd' };
    return new PrivateSshd(await Sshd.start({ parent: daemon.folder, enter, listens: bridge, needed }));
  }

  get key(): string {
    return this.sshd.key;
  }

  get folder(): string {
    return this.sshd.folder;
  }

  /** A command in the place of ssh that takes the key of a host that nobody has met before. */
  client(): Promise<string> {
    return this.sshd.client();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sshd[Symbol.asyncDispose]();
  }
}
