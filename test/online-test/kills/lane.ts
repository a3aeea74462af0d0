import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultTarget } from '../../../harness/model/fault.js';
import type { JournalledRun } from '../../../harness/model/journal.js';
import { vnfcsOf } from '../../../harness/model/network-service.js';
import { runRecord } from '../../../harness/model/run-record.js';
import type { NativeFaults, Vim } from '../../../harness/model/vim.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { verifyPackage } from '../../../harness/package/index.js';
import { until } from '../../../harness/util/deadline.js';
import { asError, OrdealError } from '../../../harness/util/errors.js';
import { writeLaneService } from './lane-service.js';

/** Sessions that are asked for at the same time: no load that a small service could not bear. */
const atOnce = 10;
const sessions = 30;
/** A baseline takes 30 samples: what is asked more often than that costs more than all the rest of a run. */
export const baselineMs = 1000;
const probeRateHz = 38;
const idleMs = 300;

/** One service and what is to be true of it once a run has been given back. */
export class Lane implements AsyncDisposable {
  private constructor(
    readonly stateFolder: string,
    readonly serviceFile: string,
    readonly session: ServiceSession,
  ) {}

  static async open(stateFolder: string, id: string): Promise<Lane> {
    const file = await writeLaneService(join(stateFolder, 'services'), id, { sessions, probeRateHz, idleMs });
    const session = await ServiceSession.open(await readService(file), { stateFolder });
    const lane = new Lane(stateFolder, file, session);
    await lane.serve();
    return lane;
  }

  get id(): string {
    return this.session.service.descriptor.id;
  }

  /** Starts the service anew when its host is gone. */
  serve(): Promise<void> {
    return this.session.start();
  }

  get vim(): Vim {
    const [vim] = this.session.vims.values();
    if (vim === undefined) throw new Error('the service has a VIM');
    return vim;
  }

  get faults(): NativeFaults {
    if (this.vim.faults === undefined) throw new Error('the embedded VIM injects faults');
    return this.vim.faults;
  }

  get openRun(): JournalledRun | undefined {
    return this.session.journal.runs({ open: true }).find((r) => r.serviceId === this.id);
  }

  async hostPid(): Promise<number> {
    const file = join(this.stateFolder, 'embedded', this.id, 'host.json');
    return (JSON.parse(await readFile(file, 'utf8')) as { pid: number }).pid;
  }

  /** `primary` and `standby` by what the stores say of themselves. */
  async resolve(target: FaultTarget): Promise<FaultTarget> {
    const address = (await this.session.addresses())('lb.public');
    const { stores } = (await (await fetch(`${address}/status`)).json()) as {
      stores: Record<string, { role: string }>;
    };
    const primary = Object.keys(stores).find((id) => stores[id]?.role === 'primary') ?? 'store-1';
    const named = (name: string) =>
      name === 'primary' ? primary : name === 'standby' ? (primary === 'store-1' ? 'store-2' : 'store-1') : name;
    return JSON.parse(JSON.stringify(target), (_, v) => (typeof v === 'string' ? named(v) : v)) as FaultTarget;
  }

  /** Whether a fault of one of these runs is on; undefined while the VIM cannot say. A host that is gone has none. */
  async hasFault(runId: string): Promise<boolean | undefined> {
    try {
      return (await this.faults.active()).some((i) => i.runId === runId);
    } catch (e) {
      if (!(e instanceof OrdealError) || !['vim-unreachable', 'timeout'].includes(e.kind)) throw e;
      return (await this.session.isGone()) ? false : undefined;
    }
  }

  /**
   * @param isHostLost what the run was to restore went with its host, and the run is to say so
   * @returns what is not as it should be, once the run is closed
   */
  async faultsOf(runId: string, isHostLost = false): Promise<string[]> {
    const wrong: string[] = [];
    const { journal } = this.session;
    if (journal.open(runId).length > 0)
      wrong.push(`open in the journal: ${journal.open(runId).map((e) => e.action.type)}`);
    if ((await this.faults.active()).length > 0) wrong.push('a fault is on');
    const kept = await this.vim.replacement?.ownedBy();
    if (kept?.length !== 0) wrong.push(`left in the VIM: ${kept?.map((c) => c.computeId).join(', ')}`);
    for (const { id } of vnfcsOf(this.session.service.descriptor)) {
      const { powerState, quarantined, condition } = await this.vim.inspect(await this.vim.locate(id));
      if (powerState !== 'on' || quarantined) wrong.push(`${id} is ${powerState} ${condition}`);
    }
    return [...wrong, ...(await this.#lostSessions()), ...(await this.#lostEvidence(runId, isHostLost))];
  }

  /** A session is lost when it is never had again, however slow the machine is: only who was not served is asked for again. */
  async #lostSessions(): Promise<string[]> {
    const address = (await this.session.addresses())('lb.public');
    const asked = async (key: string): Promise<[key: string, bad: string] | undefined> => {
      try {
        const response = await fetch(`${address}/sessions/${key}`, { signal: AbortSignal.timeout(5000) });
        const body = await response.text();
        return body === `state-${key}` ? undefined : [key, `${response.status} ${body.trim().slice(0, 40)}`];
      } catch (e) {
        return [key, asError(e).message];
      }
    };
    let bad = Array.from({ length: sessions }, (_, i): [string, string] => [`user-${i + 1}`, 'not asked for']);
    const allServed = async (): Promise<boolean> => {
      const left: [string, string][] = [];
      for (let i = 0; i < bad.length; i += atOnce) {
        const answers = await Promise.all(bad.slice(i, i + atOnce).map(([key]) => asked(key)));
        left.push(...answers.filter((a) => a !== undefined));
      }
      bad = left;
      return bad.length === 0;
    };
    // A store that has just been booted is brought up to date first.
    await until('all sessions', allServed, { withinMs: 10_000, everyMs: 100 }).catch(() => false);
    const told = bad.slice(0, 3).map(([key, why]) => `${key}: ${why}`);
    return bad.length === 0 ? [] : [`${bad.length} sessions lost: ${told.join('; ')}`];
  }

  /** A run that restored the service has exported what had failed. */
  async #lostEvidence(runId: string, isHostLost: boolean): Promise<string[]> {
    const { journal } = this.session;
    const replaced = journal.entries(runId).some((e) => e.action.type === 'switch-over');
    const file = join(journal.run(runId)?.outFolder ?? '', 'run.json');
    if (!existsSync(file)) return replaced ? ['restored, and there is no record'] : [];
    const { verdicts, packages } = runRecord.parse(JSON.parse(await readFile(file, 'utf8')));
    if (verdicts.restoration === 'not-restored') return isHostLost ? [] : ['not restored'];
    if (verdicts.restoration !== 'restored') return [];
    if (packages.length === 0) return ['restored, and there is no evidence'];
    const broken: string[] = [];
    for (const p of packages) await verifyPackage(p.file).catch((e) => broken.push(asError(e).message));
    return broken;
  }

  /** What the run stored is not needed any more. */
  async tidy(runId: string): Promise<void> {
    const { journal, engine } = this.session;
    const folder = journal.run(runId)?.outFolder;
    const ids = engine.list().filter((s) => s.userDefinedData.runId === runId);
    if (ids.length > 0) await engine.delete(ids.map((s) => s.id));
    // A harness that was just woken up may still close the file of its samples.
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }
}
