import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { VimContext } from '../../model/vim.js';
import type { DockerClient } from './client.js';

/** What a VIM whose daemon may listen on TCP is told about that. */
export const daemonOptions = {
  certificates: z
    .string()
    .optional()
    .describe('For tcp:// over TLS: the folder of ca.pem, cert.pem and key.pem, as in DOCKER_CERT_PATH.'),
  ssh: z.string().default('ssh').describe('For ssh://: the command, which brings its own configuration and keys.'),
};

/**
 * Why memory, layers and networks cannot be reached through the kernel; undefined when they can. Process ids that come over the
 * network may be those of another machine: then nothing may be done to them here.
 */
export async function outOfReach(
  { daemon, host }: DockerClient,
  pidFile: string | undefined,
  isRootless: () => Promise<boolean>,
): Promise<string | undefined> {
  if (!(await isOnThisMachine(host, pidFile))) return `the ${daemon} at ${host} is not known to be on this machine`;
  if (process.getuid?.() !== 0) return 'Ordeal does not run as root here';
  return (await isRootless()) ? `the ${daemon} is rootless: its containers are in namespaces of its user` : undefined;
}

/** The default is a folder on the host of the containers, which another machine, or another user, does not have. */
export const folderFor = ({ stateFolder, options }: VimContext, kind: string, folder: string): string =>
  options.folder === undefined ? join(stateFolder, kind) : folder;

/** @param pidFile of the daemon, which a daemon on another machine does not have here */
async function isOnThisMachine(host: string, pidFile: string | undefined): Promise<boolean> {
  return host.startsWith('unix:') || (pidFile !== undefined && (await isThere(pidFile)));
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
