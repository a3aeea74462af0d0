import { access } from 'node:fs/promises';
import { z } from 'zod';
import { OrdealError } from '../../util/errors.js';
import { EngineHost } from '../oci/host.js';
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
 * The host of a daemon's containers, by the daemon's process. Process ids that come over the network may be those of another
 * machine: then nothing may be done to them here.
 * @throws OrdealError of kind capability-missing when a daemon on TCP is not known to be on this machine
 */
export async function hostOfDaemon({ daemon, host }: DockerClient, pidFile: string | undefined): Promise<EngineHost> {
  if (await isOnThisMachine(host, pidFile)) return EngineHost.ofPidFile(pidFile);
  throw new OrdealError('capability-missing', `The ${daemon} at ${host} is not known to be on this machine`, {
    expected: 'pidFile: a file with the process id of the daemon, or of a process in its namespaces',
    got: pidFile === undefined ? 'none' : `no ${pidFile}`,
    remedy:
      'Run Ordeal as root on the host of the containers: memory, layers and networks are reached through its kernel. No API of a daemon gives them away.',
  });
}

/** @param pidFile of the daemon, which a daemon on another machine does not have here */
export async function isOnThisMachine(host: string, pidFile: string | undefined): Promise<boolean> {
  return host.startsWith('unix:') || (pidFile !== undefined && (await isThere(pidFile)));
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
