import { type Capability, type CapabilityRow, type CapabilityTable, no, yes } from '../../model/capability.js';
import { faultKinds } from '../../model/fault.js';
import { reasonOf } from '../../util/errors.js';
import type { BridgeRules } from './barrier.js';
import type { Dumps } from './dump.js';
import type { OciEngine } from './engine.js';
import { bridgeFaults, endings, hopFaults } from './fault-means.js';
import type { HopFaults } from './hop-faults.js';
import type { Means } from './means/means.js';
import { rowsOfContainers } from './rows-of-containers.js';

const NO_TIMER = 'heals by `ordeal recover` or the guard: no timer would heal by itself';
const noFaults: Readonly<Record<string, string>> = {
  'disk-error': 'a volume is a directory of the host: there is no block device of its own that could fail',
  'clock-skew':
    'containers have the clock of the host; with libfaketime, named as faketime of the VIM, they have their own',
};

/** Found by trying: a real dump of a scratch process, a real rule, and what the engine says of itself. */
export async function probeCapabilities(
  engine: OciEngine,
  dumps: Dumps,
  bridge: BridgeRules,
  hops: HopFaults,
  means: ReadonlyMap<string, Means>,
): Promise<CapabilityTable> {
  const version = await engine.version();
  const [cannotDump, cannotRestore, rules, hop] = await Promise.all([
    dumps.cannotDump(),
    engine.cannotRestore(),
    rulesWork(bridge),
    hopWorks(hops),
  ]);
  const memory = (how: string): Capability => (cannotDump === undefined ? yes(how) : no(cannotDump));
  const back = (how: string): Capability => {
    const reason = cannotDump ?? cannotRestore;
    return reason === undefined ? yes(how) : no(reason);
  };
  const table: (readonly [CapabilityRow, Capability])[] = [
    ...rowsOfContainers,
    ['OP-create.instance', yes(version)],
    ['OP-create.memory', memory('CRIU, through runc on the container of the engine')],
    ['OP-create.disk', yes('the writable layer and the volumes are copied at the frozen moment')],
    ['OP-create.live', yes('it stands still while it is copied, and goes on')],
    ['OP-create.tcp-established', memory('connections are dumped with their state')],
    ['OP-create.atomic', yes('memory, layer and volumes at one frozen moment')],
    ['OP-create.path', yes()],
    ['OP-revert.revert', back('the container is started from the dump, with its layer and volumes put back')],
    ['OP-revert.tcp-established', rules.supported ? back('behind a barrier on the bridge') : rules],
    ['OP-revert.file-locks', back('CRIU restores them')],
    ['OP-revert.state', yes('suspended: its memory comes back when it is resumed')],
    [
      'OP-export.image-files',
      yes('memory and layer as checkpointctl and Kubernetes read them, a tar each of the volumes'),
    ],
    ['OP-import.image-files', yes()],
    ['TQ-memory.external', memory("CRIU's image files")],
    ['TQ-disk.sequential', yes('whole copies')],
    ['TQ-disk.incremental', no('layers and volumes are copied whole')],
    ['pause', yes('the freezer of its control group')],
    ['replacement', rules.supported ? yes('a new container with the same addresses') : rules],
  ];
  for (const kind of faultKinds) {
    if (noFaults[kind] !== undefined && !means.has(kind)) table.push([`fault.${kind}`, no(noFaults[kind])]);
  }
  for (const [kind, how] of Object.entries(endings)) table.push([`fault.${kind}`, yes(`${how}; ${NO_TIMER}`)]);
  for (const [kind, { how, healsItself }] of means) {
    table.push([`fault.${kind}`, yes(healsItself === true ? how : `${how}; ${NO_TIMER}`)]);
  }
  for (const [kind, how] of Object.entries(bridgeFaults)) {
    table.push([`fault.${kind}`, rules.supported ? yes(`${how}; ${NO_TIMER}`) : rules]);
  }
  for (const [kind, how] of Object.entries(hopFaults)) {
    table.push([`fault.${kind}`, hop.supported ? yes(`${how}, until the fault expires`) : hop]);
  }
  return new Map(table);
}

/** A rule that nothing can match is set and taken away. */
async function rulesWork(bridge: BridgeRules): Promise<Capability> {
  try {
    await bridge.set('ordeal_probe', ['ip saddr 192.0.2.1 drop']);
    await bridge.clear('ordeal_probe');
    return yes();
  } catch (e) {
    return no(`packets cannot be held back on the bridge: ${reasonOf(e)}`);
  }
}

async function hopWorks(hops: HopFaults): Promise<Capability> {
  try {
    await hops.probe();
    return yes();
  } catch (e) {
    return no(`frames cannot be sent through a process: ${reasonOf(e)}`);
  }
}
