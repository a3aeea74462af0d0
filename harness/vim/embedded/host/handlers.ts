import { OrdealError } from '../../../util/errors.js';
import { type HostHandlers, protocolVersion } from '../protocol.js';
import { Nfvi } from './nfvi.js';
import type { ServicePlan } from './plan.js';

export interface HostControl {
  readonly handlers: HostHandlers;
  isServing(): boolean;
  isInstantiating(): boolean;
  close(): Promise<void>;
}

/** The host's methods, over one network service that is there or not yet there. */
export function handlersFor(
  serviceId: string,
  log: (text: string) => void,
  end: (reason: string) => void,
): HostControl {
  let nfvi: Nfvi | undefined;
  let instantiating = false;
  let lifetime: NodeJS.Timeout | undefined;

  const it = (): Nfvi => {
    if (nfvi === undefined) throw new OrdealError('vim-unreachable', `Service "${serviceId}" is not instantiated`);
    return nfvi;
  };

  async function instantiate(plan: ServicePlan, maxLifetimeMs: number | undefined): Promise<void> {
    if (nfvi !== undefined || instantiating) throw new OrdealError('busy', `Service "${serviceId}" runs already`);
    instantiating = true;
    try {
      const made = new Nfvi(plan);
      await made.instantiate();
      nfvi = made;
      if (maxLifetimeMs !== undefined)
        lifetime = setTimeout(() => end(`lifetime of ${maxLifetimeMs} ms`), maxLifetimeMs);
    } finally {
      instantiating = false;
      // The answer goes out first.
      if (nfvi === undefined) setTimeout(() => end('the service could not be instantiated'), 100);
    }
  }

  const exclusively = <T>(id: string, work: (compute: ReturnType<Nfvi['compute']>) => Promise<T>): Promise<T> => {
    const compute = it().compute(id);
    return compute.exclusively(() => work(compute));
  };

  const handlers: HostHandlers = {
    hello: () => ({ version: protocolVersion, serviceId, pid: process.pid }),
    instantiate: ({ plan, maxLifetimeMs }) => instantiate(plan, maxLifetimeMs),
    terminate() {
      setTimeout(() => end('terminated'), 20);
    },
    locate: ({ resource }) => ({ computeId: it().inPlace(resource).id }),
    inspect: ({ compute }) => it().inspect(it().compute(compute)),
    links: () => it().links(),
    start: ({ compute }) =>
      exclusively(compute, async (c) => {
        refuseQuarantined(c);
        await c.start();
      }),
    stop: ({ compute, graceMs }) => exclusively(compute, (c) => c.stop(graceMs)),
    async logs({ compute }) {
      const { log: file } = it().compute(compute);
      await file.flush();
      return [`${file.path}.1`, file.path];
    },
  } as Partial<HostHandlers> as HostHandlers;
  void log;
  return {
    handlers,
    isServing: () => nfvi !== undefined,
    isInstantiating: () => instantiating,
    async close() {
      clearTimeout(lifetime);
      await nfvi?.terminate();
    },
  };
}

function refuseQuarantined(compute: ReturnType<Nfvi['compute']>): void {
  if (!compute.quarantined) return;
  throw new OrdealError('busy', `VNFC "${compute.id}" is quarantined by run ${compute.runId}`, {
    remedy: 'Its evidence is being kept: release it, or end the quarantine first.',
  });
}
