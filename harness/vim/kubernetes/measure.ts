import type { V1Node } from '@kubernetes/client-node';
import type { FaultReading } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import type { Asking } from './ask.js';
import type { FaultRecord } from './fault-records.js';
import { restartsOf, type Seen, type Workloads } from './workloads.js';

type Target = FaultRecord['targets'][number];
type Context = { readonly record: FaultRecord; readonly seen: Seen; readonly target: Target; readonly asking: Asking };

const events: readonly string[] = ['restart', 'evict', 'crash'];
const NEWS_MS = 5000;
const NEWS_EVERY_MS = 100;
/** Delays below the noise of a busy machine show nothing. */
const LEAST_DELAY_MS = 5;

/** What the fault does at its target, seen by Ordeal itself: the conditions of Chaos Mesh alone are no proof. */
export async function measure(record: FaultRecord, workloads: Workloads, asking: Asking): Promise<FaultReading> {
  const { kind } = record.injection;
  if (kind === 'cordon' || kind === 'drain') return nodesClosed(record, workloads);
  if (kind === 'scale') return lateNews(() => scaledAway(record, workloads));
  const readings: FaultReading[] = [];
  for (const target of record.targets) {
    const look = async () => {
      const seen = await workloads.see(await workloads.locate(target.resource));
      return one(kind, { record, seen, target, asking });
    };
    readings.push(events.includes(kind) ? await lateNews(look) : await look());
  }
  const [first] = readings;
  if (first === undefined) return { effective: false, measured: {}, how: 'the fault has no target' };
  return { ...first, effective: readings.every((r) => r.effective) };
}

/** What has happened is told by the kubelet or done by a controller, and that a moment later. */
async function lateNews(look: () => Promise<FaultReading>): Promise<FaultReading> {
  const end = performance.now() + NEWS_MS;
  for (;;) {
    const reading = await look();
    if (reading.effective || performance.now() >= end) return reading;
    await sleep(NEWS_EVERY_MS);
  }
}

function one(kind: string, context: Context): Promise<FaultReading> | FaultReading {
  switch (kind) {
    case 'restart':
    case 'evict':
    case 'crash':
      return replaced(context);
    case 'delay':
      return slower(context, 'link');
    case 'http-delay':
      return slower(context, 'health');
    case 'disk-delay':
      return slower(context, 'disk');
    case 'link-cut':
    case 'partition':
      return silent(context, 'link');
    case 'disk-full':
    case 'disk-error':
      return silent(context, 'disk');
    case 'clock-skew':
      return skewed(context);
    default:
      return silent(context, 'health');
  }
}

function replaced({ seen, target }: Context): FaultReading {
  const { pod } = seen;
  const restarts = restartsOf(pod) - target.restarts;
  const isAnother = pod?.metadata?.uid !== target.podUid;
  const stopped = (pod?.status?.containerStatuses ?? []).some((c) => c.state?.running === undefined);
  const how = isAnother ? 'the pod is another one' : `its containers restarted ${restarts} times`;
  return { effective: isAnother || restarts > 0 || stopped, measured: { restarts, replaced: isAnother }, how };
}

async function silent({ seen, asking }: Context, question: 'health' | 'link' | 'disk'): Promise<FaultReading> {
  const answers = [await asking.ask(seen, question), await asking.ask(seen, question)];
  const failed = answers.filter((a) => !a.ok);
  return {
    effective: failed.length === answers.length,
    measured: { asked: answers.length, failed: failed.length },
    how: `asked for its ${question} through the API server: ${answers[0]?.said ?? ''}`,
  };
}

async function slower({ seen, target, asking }: Context, question: 'health' | 'link' | 'disk'): Promise<FaultReading> {
  const nowMs = await asking.typicalMs(seen, question);
  const how = `median of 7 answers about its ${question} through the API server, less the median before`;
  if (nowMs === undefined) return { effective: false, measured: {}, how: `it answers no more: ${how}` };
  const delayMs = Math.round((nowMs - (target.typicalMs ?? 0)) * 10) / 10;
  return { effective: delayMs > LEAST_DELAY_MS, measured: { delayMs }, how };
}

async function skewed({ seen, target, asking }: Context): Promise<FaultReading> {
  const { clockMs } = await asking.ask(seen, 'health');
  const how = 'the Date header of its answers (whole seconds) against this clock, less the difference before';
  if (clockMs === undefined) return { effective: false, measured: {}, how: `it tells no time: ${how}` };
  const offsetMs = clockMs - Date.now() - (target.clockAheadMs ?? 0);
  return { effective: Math.abs(offsetMs) > 1500, measured: { offsetMs }, how };
}

async function scaledAway({ targets }: FaultRecord, workloads: Workloads): Promise<FaultReading> {
  const seen = await Promise.all(targets.map(async (t) => workloads.see(await workloads.locate(t.resource))));
  const pods = seen.filter((s) => s.pod !== undefined).length;
  const replicas = seen.reduce((sum, s) => sum + (s.deployment.spec?.replicas ?? 1), 0);
  const how = 'replicas that its Deployment asks for, and pods that it has';
  return { effective: seen.length > 0 && replicas === 0 && pods === 0, measured: { replicas, pods }, how };
}

async function nodesClosed({ injection, nodes, targets }: FaultRecord, workloads: Workloads): Promise<FaultReading> {
  const found = await Promise.all(nodes.map((n) => workloads.cluster.call<V1Node>(`/api/v1/nodes/${n}`)));
  const closed = found.filter((n) => n.spec?.unschedulable === true).length;
  const moved = await Promise.all(
    targets.map(async (t) => (await workloads.see(await workloads.locate(t.resource))).pod?.metadata?.uid !== t.podUid),
  );
  const gone = injection.kind === 'cordon' || moved.every(Boolean);
  return {
    effective: nodes.length > 0 && closed === nodes.length && gone,
    measured: { nodes: nodes.length, closed, moved: moved.filter(Boolean).length },
    how: 'the nodes take nothing new, and the pods that were on them',
  };
}
