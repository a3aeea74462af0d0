import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ComputeId, Quiescing } from '../../model/vim.js';
import type { Domains } from './domains.js';
import { procedures } from './rpc/index.js';

/**
 * File systems frozen by the guest agent. A detached process of its own thaws them at the deadline, so that they thaw
 * also when this process is killed; the agent itself has no such timer.
 */
export class Quiescence implements Quiescing {
  readonly #guards = new Map<ComputeId, ChildProcess>();

  constructor(
    readonly domains: Domains,
    readonly uri: string,
  ) {}

  async quiesce(compute: ComputeId, deadlineMs: number): Promise<void> {
    const { hypervisor } = this.domains;
    const dom = await hypervisor.domain(compute);
    const program = fileURLToPath(new URL('./thaw-guard.js', import.meta.url));
    const guard = spawn(process.execPath, [program, this.uri, compute, String(deadlineMs)], {
      detached: true,
      stdio: 'ignore',
    });
    guard.unref();
    this.#guards.get(compute)?.kill();
    this.#guards.set(compute, guard);
    const args = { dom, mountpoints: [], flags: 0 };
    try {
      await hypervisor.call(procedures.domainFsFreeze, args, `"${dom.name}" cannot be quiesced`, deadlineMs);
    } catch (e) {
      // What cannot be thawed now, the guard thaws at the deadline; what is thrown is why it was not quiesced.
      await this.unquiesce(compute).catch(() => undefined);
      throw e;
    }
  }

  async unquiesce(compute: ComputeId): Promise<void> {
    const { hypervisor } = this.domains;
    const dom = await hypervisor.domain(compute);
    if (!(await hypervisor.isActive(dom))) return;
    const args = { dom, mountpoints: [], flags: 0 };
    await hypervisor.call(procedures.domainFsThaw, args, `"${dom.name}" cannot be unquiesced`);
    this.#guards.get(compute)?.kill();
    this.#guards.delete(compute);
  }
}
