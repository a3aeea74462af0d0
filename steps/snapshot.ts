import { Given, Then, When } from '@cucumber/cucumber';
import {
  type LifecyclePolicy,
  lifecyclePolicy,
  withLifecycleSnapshot,
} from '../harness/snapshot/lifecycle-procedure.js';
import { RootCauseTrigger, rootCausePolicy } from '../harness/snapshot/root-cause-trigger.js';
import { until } from '../harness/util/deadline.js';
import { OrdealError, reasonOf } from '../harness/util/errors.js';
import { settings } from './settings.js';
import type { OrdealWorld } from './world.js';

/** The use cases of clauses 4.2.1, 4.3.1 and 4.3.2: VNF Snapshots without an online test around them. */

interface Snapshots {
  /** By the name that the scenario gives them. */
  readonly ids: Map<string, string>;
  /** What the service provider was told. */
  readonly told: string[];
  policy?: LifecyclePolicy;
  trigger?: RootCauseTrigger;
}
const all = new WeakMap<OrdealWorld, Snapshots>();

function snapshotsOf(world: OrdealWorld): Snapshots {
  const known = all.get(world) ?? { ids: new Map(), told: [] };
  all.set(world, known);
  return known;
}

/** Nothing is done while the scenarios are only planned. */
function whenRunning(work: () => Promise<void>): Promise<void> | 'skipped' {
  return settings().planOnly ? 'skipped' : work();
}

const namesIn = (text: string): string[] => [...text.matchAll(/"([^"]+)"/g)].map((m) => String(m[1]));

function unmet(what: string, expected: string, got: string): OrdealError {
  return new OrdealError('scenario-invalid', what, { expected, got, remedy: 'Look at the log of the VNFCs.' });
}

async function send(world: OrdealWorld, method: string, path: string, point: string): Promise<string> {
  const base = (await world.session.addresses())(point);
  const response = await fetch(`${base}${path}`, { method, signal: AbortSignal.timeout(5000) });
  return response.ok ? response.text() : `status ${response.status}`;
}

Given(
  /^a (warm|cold) VNF Snapshot "([^"]+)" of the VNF "([^"]+)"$/,
  function (this: OrdealWorld, type: 'warm' | 'cold', name: string, vnf: string) {
    return whenRunning(async () => {
      const { id } = await this.session.engine.create({ vnf, name, type, purpose: 'manual', sender: 'OSS/BSS' });
      snapshotsOf(this).ids.set(name, id);
    });
  },
);

Given(
  'a VNF Snapshot is taken before the lifecycle procedure {string} of the VNF {string}',
  function (this: OrdealWorld, procedure: string, vnf: string) {
    snapshotsOf(this).policy = lifecyclePolicy.parse({ procedures: [procedure], vnfs: [vnf] });
  },
);

Given(
  /^the VNFCs (.+) are captured when the NFVI reports a fault and performance is degraded$/,
  function (this: OrdealWorld, names: string) {
    const { told } = snapshotsOf(this);
    const policy = rootCausePolicy.parse({ vnfcIds: namesIn(names) });
    snapshotsOf(this).trigger = new RootCauseTrigger(this.session.engine, policy, (report) => {
      told.push('error' in report ? `not captured: ${reasonOf(report.error)}` : `captured: ${report.snapshot.id}`);
    });
  },
);

When(
  /^"([A-Z]+) ([^"]*)" is sent to the connection point "([^"]+)"$/,
  function (this: OrdealWorld, method: string, path: string, point: string) {
    return whenRunning(async () => void (await send(this, method, path, point)));
  },
);

When(
  'the VNF {string} is reverted to the VNF Snapshot {string}',
  function (this: OrdealWorld, vnf: string, name: string) {
    return whenRunning(async () => {
      const id = snapshotsOf(this).ids.get(name);
      if (id === undefined)
        throw unmet(`There is no VNF Snapshot "${name}" of "${vnf}"`, 'a step that takes it', 'none');
      await this.session.engine.revert(id, { sender: 'OSS/BSS' });
      const answer = this.session.trace.findLast((s) => s.clause === '6.5.2' && s.to === 'OSS/BSS');
      snapshotsOf(this).told.push(answer?.outcome === 'done' ? answer.what : 'nothing');
    });
  },
);

When(
  /^the lifecycle procedure "([^"]+)" of the VNF "([^"]+)" sends "([A-Z]+) ([^"]*)" to "([^"]+)", and (fails|succeeds)$/,
  function (
    this: OrdealWorld,
    name: string,
    vnf: string,
    method: string,
    path: string,
    point: string,
    end: 'fails' | 'succeeds',
  ) {
    return whenRunning(async () => {
      const { told, policy = lifecyclePolicy.parse({}) } = snapshotsOf(this);
      const run = () => send(this, method, path, point);
      const procedure = { name, vnf, run, isWell: async () => end === 'succeeds', sender: 'EM' };
      const work = withLifecycleSnapshot(this.session.engine, policy, procedure, (r) =>
        told.push(`${r.procedure} of ${r.vnf}: ${r.outcome}${r.snapshotId === undefined ? '' : ', snapshot kept'}`),
      );
      if (end === 'succeeds') await work;
      else
        await work.then(
          () => Promise.reject(unmet(`${name} went well`, 'a failure', 'none')),
          (e) => this.log(reasonOf(e)),
        );
    });
  },
);

const observe = (world: OrdealWorld, kind: 'nfvi-fault' | 'performance-degraded', vnf: string, text: string) =>
  whenRunning(async () => void (await snapshotsOf(world).trigger?.observe({ kind, vnf, text })));

When('the NFVI reports {string} under the VNF {string}', function (this: OrdealWorld, text: string, vnf: string) {
  return observe(this, 'nfvi-fault', vnf, text);
});

When(
  'the performance of the VNF {string} is degraded: {string}',
  function (this: OrdealWorld, vnf: string, text: string) {
    return observe(this, 'performance-degraded', vnf, text);
  },
);

Then(
  /^"GET ([^"]*)" at the connection point "([^"]+)" answers "([^"]*)"$/,
  async function (this: OrdealWorld, path: string, point: string, expected: string) {
    let got = '';
    const isThere = async () => {
      got = await send(this, 'GET', path, point);
      return got === expected;
    };
    try {
      await until(`"${expected}" at ${path}`, isThere, { withinMs: 5000, everyMs: 100 });
    } catch (e) {
      throw new OrdealError('scenario-invalid', `${path} does not answer as expected`, { expected, got, cause: e });
    }
  },
);

Then('the service provider is told {string}', function (this: OrdealWorld, expected: string) {
  const { told } = snapshotsOf(this);
  if (!told.some((t) => t.startsWith(expected)))
    throw unmet('The service provider was not told', expected, told.join('; '));
});

Then('the service provider is told nothing', function (this: OrdealWorld) {
  const { told } = snapshotsOf(this);
  if (told.length > 0) throw unmet('The service provider was told something', 'nothing', told.join('; '));
});

Then(
  /^a forensic VNF Snapshot of the VNF "([^"]+)" holds the VNFCs (.+)$/,
  function (this: OrdealWorld, vnf: string, names: string) {
    const found = this.session.engine.list({ vnf, purpose: 'forensic' });
    const held = found.map((s) =>
      s.vnfcSnapshots
        .map((v) => v.vnfcInstanceId)
        .sort()
        .join(', '),
    );
    const expected = namesIn(names).sort().join(', ');
    if (!held.includes(expected))
      throw unmet(`No forensic VNF Snapshot of "${vnf}" holds them`, expected, held.join('; '));
  },
);
