import type { ComputeId } from '../../../model/vim.js';
import { sleep } from '../../../util/deadline.js';
import { OrdealError } from '../../../util/errors.js';
import { type Containers, monotonicMs } from '../../oci/containers.js';
import type { OciFolder } from '../../oci/folder.js';
import type { ApiEngine } from './api-engine.js';

const HEARD_MS = 3000;

/** On, off and paused by the engine's own calls. */
export class ApiPower {
  constructor(
    readonly containers: Containers,
    readonly engine: ApiEngine,
    readonly folder: OciFolder,
  ) {}

  async start(compute: ComputeId): Promise<void> {
    const { container, marks, powerState } = await this.containers.see(compute);
    if (powerState === 'on') return;
    if (powerState === 'suspended') return this.resume(compute);
    await this.engine.start(container);
    await this.folder.setMarks(compute, { ...marks, stopped: false });
  }

  async stop(compute: ComputeId, graceMs: number): Promise<'graceful' | 'forced' | 'was-off'> {
    const { container, marks, powerState } = await this.containers.see(compute);
    // Marked first: whatever comes of it was our doing.
    await this.folder.setMarks(compute, { ...marks, stopped: true });
    if (powerState === 'off' || powerState === 'crashed') return 'was-off';
    if (powerState === 'on' && graceMs > 0 && (await this.engine.stop(container, graceMs))) return 'graceful';
    await this.kill(compute);
    return 'forced';
  }

  /** One that is paused takes no signal: it runs on for a moment. */
  async kill(compute: ComputeId): Promise<void> {
    const { container } = await this.containers.see(compute);
    if (container.status !== 'running') return;
    if (container.isPaused) await this.engine.unpause(container);
    await this.engine.kill(container);
  }

  async pause(compute: ComputeId): Promise<number> {
    const { container, powerState } = await this.containers.see(compute);
    if (powerState === 'suspended') return monotonicMs();
    if (powerState !== 'on') {
      throw new OrdealError('vim-failed', `"${container.name}" is ${powerState} and cannot be paused`);
    }
    await this.engine.pause(container);
    return monotonicMs();
  }

  async resume(compute: ComputeId): Promise<void> {
    const { container, powerState, marks } = await this.containers.see(compute);
    if (powerState === 'on') return;
    if (powerState !== 'suspended') {
      throw new OrdealError('vim-failed', `"${container.name}" is ${powerState}: nothing to resume`);
    }
    if (marks.pending !== undefined) {
      const { pending: _, ...rest } = marks;
      if (container.status !== 'running') await this.engine.goOn(container);
      await this.folder.setMarks(compute, rest);
      return;
    }
    try {
      await this.engine.unpause(container);
    } catch (e) {
      // After a checkpoint containerd lets it go on by itself, and dockerd hears of it a little later.
      const isOn = async () => (await this.containers.see(compute)).powerState === 'on';
      const end = performance.now() + HEARD_MS;
      while (!(await isOn())) {
        if (performance.now() >= end) throw e;
        await sleep(20);
      }
    }
  }
}
