import { resolve } from 'node:path';
import type { LocatedService } from '../model/network-service.js';
import type { Grant, SnapshotNotification } from '../model/roles.js';
import { OrdealError } from '../util/errors.js';
import type { EngineContext } from './context.js';
import { HttpGrant } from './grant/http-grant.js';
import { PolicyGrant } from './grant/policy-grant.js';
import { command } from './notification/command.js';
import { NotificationHub } from './notification/hub.js';
import { webhook } from './notification/webhook.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The NFVO and the subscribers of the VNFs, as the descriptor names them. A secret that the environment lacks is missed
 * when it is needed, and not before: what has been begun can be undone without it.
 */
export function rolesOf(
  service: LocatedService,
  env: Environment,
): Pick<EngineContext, 'grant' | 'notification' | 'mode'> {
  const grant = grantOf(service, env);
  const notification = notificationOf(service, env);
  return {
    mode: service.descriptor.nfvo?.resourceManagement ?? 'direct',
    ...(grant === undefined ? {} : { grant }),
    ...(notification === undefined ? {} : { notification }),
  };
}

function grantOf({ descriptor, file }: LocatedService, env: Environment): Grant | undefined {
  const { grants, policy } = descriptor.nfvo ?? {};
  if (policy !== undefined) return new PolicyGrant(policy);
  if (grants === undefined) return undefined;
  const { url, deadlineMs, authorizationEnv } = grants;
  const where = `${file}: nfvo.grants`;
  return {
    request: async (request) =>
      new HttpGrant({ url, deadlineMs, ...authorization(env, authorizationEnv, where) }).request(request),
  };
}

function notificationOf(service: LocatedService, env: Environment): SnapshotNotification | undefined {
  const { descriptor, file, folder } = service;
  if (descriptor.vnfs.every((vnf) => vnf.snapshotNotification.length === 0)) return undefined;
  const hub = new NotificationHub();
  for (const { id, snapshotNotification } of descriptor.vnfs) {
    const where = `${file}: snapshotNotification of VNF ${id}`;
    for (const { webhook: target, command: line, events } of snapshotNotification) {
      const to = { vnf: id, ...(events === undefined ? {} : { events }) };
      const [program, ...args] = line ?? [];
      if (target !== undefined) {
        const { url, authorizationEnv } = target;
        hub.subscribe(to, async (notice, signal) =>
          webhook(url, authorization(env, authorizationEnv, where))(notice, signal),
        );
      } else if (program !== undefined) {
        // One with a slash is relative to the descriptor, as all paths in it; others are looked for where programs are.
        hub.subscribe(to, command([program.includes('/') ? resolve(folder, program) : program, ...args]));
      }
    }
  }
  return hub;
}

function authorization(env: Environment, name: string | undefined, where: string): { authorization?: string } {
  if (name === undefined) return {};
  const value = env[name];
  if (value !== undefined && value !== '') return { authorization: value };
  throw new OrdealError('usage', `The environment has no ${name}`, {
    where,
    expected: 'the value of the Authorization header in it',
    remedy: 'Set it, or take authorizationEnv out of the descriptor.',
  });
}
