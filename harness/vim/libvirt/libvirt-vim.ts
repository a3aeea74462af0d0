import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CapabilityTable } from '../../model/capability.js';
import type { ComputeId, ComputeState, Logs, Pausing, Vim, VimContext } from '../../model/vim.js';
import type { VirtualLinkInfo } from '../../model/vnf-info.js';
import { validate } from '../../util/validate.js';
import { Turns } from '../turns.js';
import { probeCapabilities } from './capabilities.js';
import { libvirtOptions } from './deployment.js';
import { Domains } from './domains.js';
import { LibvirtFaults } from './faults.js';
import { Hypervisor } from './hypervisor.js';
import { LibvirtInstantiation } from './instantiation.js';
import { Overlays } from './overlays.js';
import { Quiescence } from './quiescence.js';
import { LibvirtReplacement } from './replacement.js';
import { LibvirtReplay } from './replay.js';
import { procedures } from './rpc/index.js';
import { SnapshotFolder } from './snapshot-folder.js';
import { LibvirtSnapshots } from './snapshots.js';

const GRACE_MS = 20_000;

/**
 * The driver of virtual machines under a libvirt daemon. All of its state is in libvirt (marks in the domains' metadata)
 * and in its folder on the host, so that any process may take over.
 */
export class LibvirtVim implements Vim {
  readonly kind = 'libvirt';
  readonly #hypervisor: Hypervisor;
  readonly #domains: Domains;
  readonly #folder: SnapshotFolder;
  readonly snapshots: LibvirtSnapshots;
  readonly replacement: LibvirtReplacement;
  readonly faults: LibvirtFaults;
  readonly quiescing: Quiescence;
  readonly instantiation: LibvirtInstantiation;
  readonly replay: LibvirtReplay;

  private constructor(context: VimContext) {
    const options = validate(context.options, `${context.service.file}: vims.libvirt`, libvirtOptions);
    this.#hypervisor = new Hypervisor(options.uri);
    this.#domains = new Domains(this.#hypervisor, context.service);
    this.#folder = new SnapshotFolder(options.folder);
    const overlays = new Overlays(this.#domains, this.#folder);
    const turns = new Turns();
    const turn = turns.take.bind(turns) as <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>;
    this.snapshots = new LibvirtSnapshots(this.#domains, this.#folder, overlays, turn);
    this.replacement = new LibvirtReplacement(this.#domains, this.#folder, overlays, turn);
    this.faults = new LibvirtFaults(this.#domains, this.#folder);
    this.quiescing = new Quiescence(this.#domains, options.uri);
    this.instantiation = new LibvirtInstantiation(this.#domains, overlays);
    this.replay = new LibvirtReplay(this.#domains, this.#folder, overlays);
  }

  /** @throws OrdealError of kind vim-unreachable when no libvirt answers */
  static async open(context: VimContext): Promise<LibvirtVim> {
    const vim = new LibvirtVim(context);
    try {
      await vim.#hypervisor.call(procedures.connectGetLibVersion, {}, 'libvirt does not answer');
    } catch (e) {
      await vim[Symbol.asyncDispose]();
      throw e;
    }
    return vim;
  }

  async capabilities(): Promise<CapabilityTable> {
    return probeCapabilities(this.#domains, this.#folder);
  }

  locate(resource: string): Promise<ComputeId> {
    return this.#domains.locate(resource);
  }

  inspect(compute: ComputeId): Promise<ComputeState> {
    return this.#domains.inspect(compute);
  }

  links(): Promise<readonly VirtualLinkInfo[]> {
    return this.#domains.links();
  }

  start(compute: ComputeId): Promise<void> {
    return this.#domains.start(compute);
  }

  stop(compute: ComputeId, { graceMs = GRACE_MS }: { graceMs?: number } = {}) {
    return this.#domains.stop(compute, graceMs);
  }

  readonly pausing: Pausing = {
    pause: (compute) => this.#domains.pause(compute),
    resume: (compute) => this.#domains.resume(compute),
  };

  /** The serial console, where the domain logs it to a file that can be read here. */
  readonly logs: Logs = {
    logs: async (compute) => {
      const { xml } = await this.#domains.see(compute);
      const files = this.#hypervisor.isLocal ? xml.logFiles : [];
      const there = await Promise.all(
        files.map((file) =>
          stat(file).then(
            () => file,
            () => undefined,
          ),
        ),
      );
      return there
        .filter((file) => file !== undefined)
        .map((file) => ({ name: basename(file), open: async () => createReadStream(file) }));
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hypervisor[Symbol.asyncDispose]();
  }
}
