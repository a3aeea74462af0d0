import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';

const config = z.looseObject({ currentContext: z.string().optional() });
const metadata = z.looseObject({
  Endpoints: z.looseObject({ docker: z.looseObject({ Host: z.string().optional() }).optional() }),
});

/** Where a daemon listens, and the folder of the certificates for it. */
export interface Endpoint {
  readonly host: string;
  readonly certificates: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where Docker's own client would look for dockerd: DOCKER_HOST, then DOCKER_CONTEXT, then the context in use.
 * Source: docs.docker.com, "Docker contexts"; docker/cli, cli/context/store.
 * @param named a context that goes before all of them
 * @returns undefined where nothing is said: then it is the socket of this machine
 * @throws OrdealError of kind file-missing for a context that is not there, file-invalid for one that says nothing of dockerd
 */
export async function endpointOfDocker(
  named: string | undefined,
  environment: Environment = process.env,
): Promise<Endpoint | undefined> {
  const { DOCKER_HOST: host, DOCKER_CERT_PATH: certificates, DOCKER_CONTEXT: wanted } = environment;
  const folder = environment.DOCKER_CONFIG || join(environment.HOME || homedir(), '.docker');
  if (named === undefined && host !== undefined && host !== '')
    return { host, certificates: certificates || undefined };
  const name = named ?? (wanted || (await contextInUse(folder)));
  if (name === undefined || name === 'default') return undefined;
  const id = createHash('sha256').update(name).digest('hex');
  const file = join(folder, 'contexts', 'meta', id, 'meta.json');
  const found = await readValidated(file, metadata).catch((e: unknown) => {
    if (!(e instanceof OrdealError) || e.kind !== 'file-missing') throw e;
    throw new OrdealError('file-missing', `There is no Docker context "${name}"`, {
      where: file,
      remedy: 'See `docker context ls`; correct context in the descriptor, or DOCKER_CONTEXT.',
    });
  });
  const at = found.Endpoints.docker?.Host;
  if (at === undefined || at === '') {
    throw new OrdealError('file-invalid', `The Docker context "${name}" does not say where dockerd is`, {
      where: file,
    });
  }
  const keys = join(folder, 'contexts', 'tls', id, 'docker');
  return { host: at, certificates: (await isThere(keys)) ? keys : undefined };
}

async function contextInUse(folder: string): Promise<string | undefined> {
  const file = join(folder, 'config.json');
  return (await isThere(file)) ? (await readValidated(file, config)).currentContext || undefined : undefined;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
