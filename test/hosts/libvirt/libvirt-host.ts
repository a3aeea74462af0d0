import { access, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RelayedPorts } from '../relayed-ports.js';
import { buildGuest, type GuestImages } from './guest.js';
import { ensurePackages } from './packages.js';
import { PrivateLibvirtd } from './private-libvirtd.js';
import { shell } from './shell.js';

export interface GuestOptions {
  readonly name: string;
  /** The last byte of its address 10.77.0.x. */
  readonly address: number;
  readonly memoryMiB?: number;
  /** More words for the kernel's command line. */
  readonly words?: readonly string[];
}

/** Everything that a test needs of a machine with real VMs: a daemon of its own, guests, and a way to their ports. */
export class LibvirtHost implements AsyncDisposable {
  #ports: RelayedPorts | undefined;

  private constructor(
    readonly daemon: PrivateLibvirtd,
    readonly images: GuestImages,
  ) {}

  /** @throws with the reason why there can be no real VM here */
  static async start(): Promise<LibvirtHost> {
    if (process.getuid?.() !== 0) throw new Error('real VMs need root, for namespaces and a bridge of their own');
    await shell('unshare', ['--mount', '--net', '--pid', '--fork', '--mount-proc', 'true']);
    await ensurePackages();
    await access('/dev/net/tun');
    const host = new LibvirtHost(await PrivateLibvirtd.start(), await buildGuest());
    try {
      await host.#startRelay();
    } catch (e) {
      await host[Symbol.asyncDispose]();
      throw e;
    }
    return host;
  }

  get uri(): string {
    return this.daemon.uri;
  }

  /** Where the tests keep images: QEMU may write there. */
  get folder(): string {
    return join(this.daemon.folder, 'images');
  }

  /** A domain with a disk of its own; it is not defined yet. */
  async guestXml({ name, address, memoryMiB = 128, words = [] }: GuestOptions): Promise<string> {
    const disk = join(this.folder, `${name}.qcow2`);
    await copyFile(this.images.disk, disk);
    const command = [
      `console=ttyS0 quiet panic=-1 tsc=unstable mitigations=off ordeal.ip=10.77.0.${address}/24`,
      ...words,
    ].join(' ');
    const mac = `52:54:00:77:00:${address.toString(16).padStart(2, '0')}`;
    return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${this.images.kernel}</kernel><initrd>${this.images.initrd}</initrd><cmdline>${command}</cmdline></os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>preserve</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
    <controller type='usb' model='none'/>
    <interface type='bridge'><mac address='${mac}'/><source bridge='ordeal0'/><model type='virtio'/></interface>
    <serial type='pty'><log file='${join(this.folder, `${name}.serial.log`)}' append='on'/><target port='0'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <memballoon model='virtio'><stats period='1'/></memballoon>
  </devices>
</domain>`;
  }

  /** @returns http://127.0.0.1:<port>, which leads to the guest's port. @param port 0 lets the system choose ours */
  async reach(address: number, guestPort = 8080, port = 0): Promise<string> {
    if (this.#ports === undefined) throw new Error('the relay is not up');
    return this.#ports.reach(`10.77.0.${address}:${guestPort}`, port);
  }

  async #startRelay(): Promise<void> {
    const network = `/proc/${await this.daemon.innerPid()}/ns/net`;
    this.#ports = await RelayedPorts.start(network, join(this.daemon.folder, 'relay'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ports?.[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
  }
}
