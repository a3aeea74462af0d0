import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { OrdealError } from '../../util/errors.js';

const run = promisify(execFile);

const info = z.object({
  filename: z.string(),
  format: z.string(),
  'virtual-size': z.number(),
  'actual-size': z.number().default(0),
  'full-backing-filename': z.string().optional(),
});
const chain = z.array(info).min(1);
export type ImageInfo = z.output<typeof info>;

/** Disk images through qemu-img, which comes with QEMU: on this machine, where the VMs are. */
export const qemuImg = {
  /** @throws OrdealError of kind capability-missing when there is no qemu-img */
  async version(): Promise<string> {
    return (await qemuImage(['--version'])).split('\n')[0] ?? '';
  },

  /** An empty qcow2 over a file that nobody may write from now on. */
  async overlay(on: string, format: string, to: string): Promise<void> {
    await qemuImage(['create', '-q', '-f', 'qcow2', '-F', format, '-b', on, to]);
  },

  /** The same over a file that a guest writes still, and that is frozen by taking this one into use. */
  async overlayInWaiting(on: string, format: string, to: string, sizeBytes: bigint): Promise<void> {
    await qemuImage(['create', '-q', '-u', '-f', 'qcow2', '-F', format, '-b', on, to, String(sizeBytes)]);
  },

  /** The top first. Images in use may be asked about. */
  async chainOf(file: string): Promise<ImageInfo[]> {
    return chain.parse(JSON.parse(await qemuImage(['info', '-U', '--output=json', '--backing-chain', file])));
  },

  /** All of a chain in one qcow2 of its own. @param snapshot an internal snapshot of it, instead of its present state */
  async flatten(from: string, to: string, snapshot?: string): Promise<void> {
    const source = snapshot === undefined ? [] : ['-l', `snapshot.name=${snapshot}`];
    await qemuImage(['convert', '-U', '-q', '-O', 'qcow2', ...source, from, to], 600_000);
  },

  /** Writes an overlay that nobody uses into the file below it. */
  async commit(top: string): Promise<void> {
    await qemuImage(['commit', '-q', '-f', 'qcow2', top], 600_000);
  },
};

async function qemuImage(args: readonly string[], timeoutMs = 60_000): Promise<string> {
  try {
    const { stdout } = await run('qemu-img', [...args], { timeout: timeoutMs, maxBuffer: 2 ** 24 });
    return stdout;
  } catch (e) {
    const { code, stderr = '' } = e as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') {
      throw new OrdealError('capability-missing', 'qemu-img is not on this machine', {
        remedy: 'Install it (Debian: qemu-utils) on the host of the VMs, and run Ordeal there.',
      });
    }
    const kind = stderr.includes('No space left') ? 'no-space' : 'vim-failed';
    throw new OrdealError(kind, `qemu-img ${args[0]} failed`, { cause: new Error(stderr.trim() || String(e)) });
  }
}
