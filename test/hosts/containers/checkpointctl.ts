import { join } from 'node:path';
import { kept } from '../kept.js';
import { unpack, wrap } from './unpacked.js';

/**
 * The tool with which people look into the checkpoints of Podman and Kubernetes; Debian has it from trixie on.
 * @throws with the reason why it is not here
 */
export async function ensureCheckpointctl(): Promise<string> {
  const folder = await kept('checkpointctl-trixie', async (work, final) => {
    await unpack('trixie', ['checkpointctl'], join(work, 'root'));
    await wrap(work, final, 'usr/bin/checkpointctl');
  });
  return join(folder, 'bin', 'checkpointctl');
}
