import type { Vnf, Vnfc } from '../model/network-service.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import { vnfcSnapshotOptions } from '../model/snapshot-descriptor.js';
import { OrdealError } from '../util/errors.js';
import { assertVnfcs, resourceOf, vnfOf } from './context.js';
import type { SnapshotEngine } from './engine.js';

export interface PowerOptions {
  /** Absent: all of the VNF. */
  readonly vnfcIds?: readonly string[];
  /** Milliseconds for a graceful shutdown; absent: as the VIM has it. */
  readonly graceMs?: number;
  /** Answers for VNFCs whose descriptor says `whenPoweredOff: ask`. */
  readonly ask?: (vnfcId: string) => Promise<boolean>;
  readonly sender?: string;
}

/**
 * Powers VNFCs off, with the snapshot that their descriptor wants taken then (Vnfsd.013, clause 6.1.2). They stand still
 * from the capture on: the snapshot is of how they ended.
 * @returns the snapshot; undefined when none was wanted
 * @throws OrdealError of kind usage when somebody has to be asked and nobody is there, or what a creation throws: then
 *   nothing was powered off
 */
export async function powerOff(
  engine: SnapshotEngine,
  vnfId: string,
  options: PowerOptions = {},
): Promise<VnfSnapshot | undefined> {
  const { vnf, vnfcs } = chosen(engine, vnfId, options);
  const wanted: string[] = [];
  for (const vnfc of vnfcs) if (await wantsSnapshot(vnf, vnfc, options)) wanted.push(vnfc.id);
  let snapshot: VnfSnapshot | undefined;
  if (wanted.length > 0) {
    snapshot = await engine.create({
      vnf: vnfId,
      name: 'at power-off',
      purpose: 'lifecycle',
      vnfcIds: wanted,
      vnfcs: Object.fromEntries(wanted.map((id) => [id, { powerOff: 'after', powerOnAfter: false }])),
      ...(options.sender === undefined ? {} : { sender: options.sender }),
    });
  }
  const grace = options.graceMs === undefined ? {} : { graceMs: options.graceMs };
  for (const vnfc of vnfcs) {
    if (wanted.includes(vnfc.id)) continue;
    await engine.access.call(vnfc.vim, `stop ${vnfc.id}`, async (vim) =>
      vim.stop(await vim.locate(resourceOf(vnfc)), grace),
    );
  }
  return snapshot;
}

async function wantsSnapshot(vnf: Vnf, vnfc: Vnfc, { ask }: PowerOptions): Promise<boolean> {
  const { whenPoweredOff, forbidden } = vnfcSnapshotOptions.parse(vnf.snapshot.vnfcs[vnfc.id] ?? {});
  if (forbidden || whenPoweredOff === 'no') return false;
  if (whenPoweredOff === 'yes') return true;
  if (ask !== undefined) return ask(vnfc.id);
  throw new OrdealError('usage', `VNFC "${vnfc.id}" asks whether a snapshot is to be taken when it is powered off`, {
    expected: 'an answer',
    got: 'nobody to ask',
    remedy: 'Answer on the command line, or set whenPoweredOff to yes or no; nothing was powered off.',
  });
}

/**
 * Powers VNFCs on: those whose descriptor wants it go on from their latest VNFC Snapshot (Vnfsd.014), the others boot.
 * Evidence is not gone back to.
 * @returns what was reverted to, by VNFC id
 */
export async function powerOn(
  engine: SnapshotEngine,
  vnfId: string,
  options: PowerOptions = {},
): Promise<Record<string, string>> {
  const { vnf, vnfcs } = chosen(engine, vnfId, options);
  const from: Record<string, string> = {};
  const together = new Map<string, string[]>();
  for (const vnfc of vnfcs) {
    const isOff = await engine.access.call(vnfc.vim, `inspect ${vnfc.id}`, async (vim) => {
      const { powerState } = await vim.inspect(await vim.locate(resourceOf(vnfc)));
      return powerState === 'off' || powerState === 'crashed';
    });
    if (!isOff) continue;
    const latest = latestSnapshot(engine, vnf, vnfc);
    if (latest === undefined) {
      await engine.access.call(vnfc.vim, `start ${vnfc.id}`, async (vim) =>
        vim.start(await vim.locate(resourceOf(vnfc))),
      );
    } else {
      from[vnfc.id] = latest;
      together.set(latest, [...(together.get(latest) ?? []), vnfc.id]);
    }
  }
  for (const [id, vnfcIds] of together) {
    const sender = options.sender === undefined ? {} : { sender: options.sender };
    await engine.revert(id, { vnfcIds, state: 'on', ...sender });
  }
  return from;
}

function latestSnapshot(engine: SnapshotEngine, vnf: Vnf, vnfc: Vnfc): string | undefined {
  if (!vnfcSnapshotOptions.parse(vnf.snapshot.vnfcs[vnfc.id] ?? {}).revertWhenPoweredOn) return undefined;
  const service = engine.context.service.descriptor.id;
  return engine.list({ service, vnf: vnf.id, vnfc: vnfc.id }).find((s) => s.userDefinedData.purpose !== 'forensic')?.id;
}

function chosen(engine: SnapshotEngine, vnfId: string, { vnfcIds }: PowerOptions): { vnf: Vnf; vnfcs: Vnfc[] } {
  const vnf = vnfOf(engine.context.service, vnfId);
  assertVnfcs(vnf, vnfcIds ?? [], `power of VNF ${vnfId}`);
  return { vnf, vnfcs: vnf.vnfcs.filter((c) => vnfcIds?.includes(c.id) ?? true) };
}
