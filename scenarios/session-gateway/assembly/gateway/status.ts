import { corruptFrames } from '../lib/frame';
import { Json } from '../lib/json';
import { roleName } from '../lib/messages';
import * as host from '../lib/ordeal';
import { StoreReport, WorkerView } from './workers';

/** What the load balancer counts of its own. */
export class Counters {
  requests: u32 = 0;
  served: u32 = 0;
  refused: u32 = 0;
  retries: u32 = 0;
}

/** Every VNFC as the load balancer and the workers see it, for people and for tools. */
export function statusOf(counters: Counters, workers: WorkerView[]): string {
  const json = new Json();
  json.open().open('lb');
  json.number('uptimeMs', Math.round(host.monotonic())).number('requests', counters.requests);
  json.number('served', counters.served).number('refused', counters.refused).number('retries', counters.retries);
  json.number('corruptFrames', corruptFrames).close();
  json.open('workers');
  for (let i = 0; i < workers.length; i++) writeWorker(json, workers[i]);
  json.close().open('stores');
  const latest = latestReports(workers);
  for (let i = 0; i < latest.length; i++) writeStore(json, latest[i]);
  return json.close().close().toString();
}

function writeWorker(json: Json, worker: WorkerView): void {
  json.open(worker.name).flag('up', worker.up).text('primary', worker.primary).flag('hasPrimary', worker.hasPrimary);
  json.number('requests', worker.requests).number('refused', worker.refused).number('waiting', worker.waiting);
  json
    .number('corruptFrames', worker.corrupt)
    .number('heardMsAgo', Math.round(host.monotonic() - worker.heardAt))
    .close();
}

function writeStore(json: Json, store: StoreReport): void {
  const said = store.said;
  json.open(store.name).text('role', roleName(said.role)).number('epoch', said.epoch);
  json.number('sequence', <f64>said.sequence).number('sessions', said.sessions);
  json.flag('ready', said.ready).flag('replicated', said.replicated).flag('behind', said.behind);
  json.number('reads', said.reads).number('writes', said.writes);
  json.number('syncsSent', said.syncsSent).number('syncsReceived', said.syncsReceived);
  json.number('diskErrors', said.diskErrors).number('heardMsAgo', Math.round(store.silentMs)).close();
}

/** Of each store, the report of the worker that has heard it last. */
function latestReports(workers: WorkerView[]): StoreReport[] {
  const latest: StoreReport[] = [];
  for (let w = 0; w < workers.length; w++) {
    const age = host.monotonic() - workers[w].heardAt;
    for (let s = 0; s < workers[w].stores.length; s++) {
      const report = workers[w].stores[s];
      const now = new StoreReport(report.name, report.silentMs + age, report.said);
      let known = -1;
      for (let k = 0; k < latest.length; k++) if (latest[k].name == now.name) known = k;
      if (known < 0) latest.push(now);
      else if (now.silentMs < latest[known].silentMs) latest[known] = now;
    }
  }
  return latest;
}
