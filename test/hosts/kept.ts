import { access, chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What takes long to be fetched is made once and kept, whole or not at all.
 * @param make fills `work`, which becomes `folder` then
 * @returns the folder
 * @throws with the reason why it is not there and may not be made
 */
export async function kept(
  name: string,
  make: (work: string, folder: string) => Promise<void>,
  cache = join(tmpdir(), 'ordeal-hosts'),
): Promise<string> {
  const folder = join(cache, name);
  const isMade = await access(folder).then(
    () => true,
    () => false,
  );
  if (isMade) return folder;
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error(`${name} is not there; ORDEAL_HOSTS=install lets the tests fetch it from Debian`);
  }
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'build-'));
  try {
    await make(work, folder);
    await chmod(work, 0o755);
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
