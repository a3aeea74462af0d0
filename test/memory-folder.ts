import { accessSync, constants, statfsSync } from 'node:fs';
import { temporaryFolder } from './temporary-folder.js';

/**
 * A new folder that is in memory where the machine has such a thing, for tests of thousands of runs that are about the
 * order of writes and not about disks.
 */
export function memoryFolder(name: string): Promise<string> {
  return hasRoom('/dev/shm') ? temporaryFolder(name, '/dev/shm') : temporaryFolder(name);
}

function hasRoom(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > 2 ** 28;
  } catch {
    // Not on this system: the disk serves as well, only more slowly.
    return false;
  }
}
