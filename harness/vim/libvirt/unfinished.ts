import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, thisProcess } from '../../store/process-identity.js';
import { until } from '../../util/deadline.js';
import { classifyIo, errnoOf, OrdealError, reasonOf } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import { RECORD } from '../snapshot-records.js';
import { BlockNodes } from './block-nodes.js';
import type { Domains, Seen } from './domains.js';
import { isRunning } from './hypervisor.js';
import { deleteInternal } from './internal-snapshots.js';
import type { Overlays } from './overlays.js';
import { ErrorCode, procedures } from './rpc/index.js';
import type { SnapshotFolder } from './snapshot-folder.js';

const MAKER = 'maker.json';
const NO_JOB = 0;
const QUIET_MS = 60_000;

const maker = z.object({
  host: z.string(),
  pid: z.number(),
  processStartedAt: z.string(),
  location: z.string(),
  compute: z.string(),
  overlays: z.array(z.string()),
  /** It was stopped for the capture, and is to go on. */
  resumes: z.boolean().default(false),
});

type Maker = z.output<typeof maker>;
type Dead = Maker & { readonly id: string };

/** A snapshot in the making. */
export interface Making {
  readonly id: string;
  readonly seen: Seen;
  readonly location: string;
  readonly overlays: ReadonlyMap<string, string>;
}

/** Snapshots that do not become whole: nothing of them is left, and the guest is on the disks that it was on. */
export class Unfinished {
  /** Of this process, which could not be cleared away at once. */
  readonly #left = new Set<string>();

  constructor(
    readonly domains: Domains,
    readonly folder: SnapshotFolder,
    readonly overlays: Overlays,
  ) {}

  /**
   * Should this process die meanwhile, the next one that makes a snapshot clears up.
   * @param resumes it is stopped for the capture, and goes on when nothing comes of that
   */
  async begin({ id, seen, location, overlays }: Making, resumes: boolean): Promise<void> {
    const compute = seen.xml.uuid;
    await this.folder.prepare();
    for (const dead of await this.#ofTheDead()) {
      // Whoever captures another guest may be at work on it.
      const isGone = (await this.domains.hypervisor.findDomain(dead.compute)) === undefined;
      if (dead.compute === compute || isGone) await this.#clearDead(dead);
    }
    await this.#mark(id, location, { compute, overlays: [...overlays.values()], resumes });
  }

  /** Images that are taken in from elsewhere, for no guest. */
  async beginImport(id: string): Promise<void> {
    await this.folder.prepare();
    await this.#mark(id, this.folder.folderOf(id), { compute: '', overlays: [], resumes: false });
  }

  /**
   * What processes that are no more have left of the service's guests, and of guests that are no more.
   * @returns what was cleared away
   */
  async sweep(turn: <T>(compute: string, work: () => Promise<T>) => Promise<T>): Promise<string[]> {
    const swept: string[] = [];
    const ours = new Set(this.domains.deployed.map((d) => d.resource));
    for (const dead of await this.#ofTheDead()) {
      const isThere = (await this.domains.hypervisor.findDomain(dead.compute)) !== undefined;
      const resource = isThere ? this.domains.resourceOf(await this.domains.see(dead.compute)) : undefined;
      if (resource !== undefined && !ours.has(resource)) continue;
      await turn(dead.compute, () => this.#clearDead(dead));
      swept.push(`the unfinished snapshot ${dead.id}${resource === undefined ? '' : ` of ${resource}`}`);
    }
    return swept;
  }

  async #mark(id: string, location: string, of: Pick<Maker, 'compute' | 'overlays' | 'resumes'>): Promise<void> {
    const folder = this.folder.folderOf(id);
    const made = { ...thisProcess, location, ...of };
    try {
      await mkdir(folder, { mode: 0o711 });
      await writeFile(join(folder, MAKER), JSON.stringify(maker.parse(made)), { mode: 0o600 });
      await mkdir(location, { recursive: true });
    } catch (e) {
      await rm(folder, { recursive: true, force: true });
      throw classifyIo(e, folder);
    }
  }

  /**
   * libvirt may be at work on it still: a call that was given up, or whose connection was lost, goes on there.
   * @param wasRunning it runs again
   * @param why it is abandoned @throws OrdealError that says what is left
   */
  async abandon({ id, seen, location, overlays }: Making, wasRunning: boolean, why: unknown): Promise<void> {
    try {
      await this.#clear(seen.xml.uuid, [...overlays.values()], location, id, wasRunning);
    } catch (e) {
      this.#left.add(id);
      throw new OrdealError('vim-failed', `A failed snapshot of "${seen.dom.name}" could not be cleared away`, {
        where: this.folder.folderOf(id),
        cause: new Error(`${reasonOf(why)}; then ${reasonOf(e)}`, { cause: e }),
        remedy: 'The next snapshot of it clears it away, once libvirt answers again.',
      });
    }
  }

  async #ofTheDead(): Promise<readonly Dead[]> {
    const dead: Dead[] = [];
    for (const id of await readdir(join(this.folder.root, 'snapshots')).catch(none)) {
      const folder = this.folder.folderOf(id);
      const isStored = await access(join(folder, RECORD)).then(
        () => true,
        () => false,
      );
      const made = isStored ? undefined : await madeBy(join(folder, MAKER));
      if (made !== undefined && (!isAlive(made) || this.#left.has(id))) dead.push({ id, ...made });
    }
    return dead;
  }

  async #clearDead({ id, compute, overlays, location, resumes }: Dead): Promise<void> {
    await this.#clear(compute, overlays, location, id, resumes);
    this.#left.delete(id);
  }

  async #clear(compute: string, overlays: readonly string[], location: string, id: string, resumes: boolean) {
    const { hypervisor } = this.domains;
    await this.#quiet(compute);
    if ((await hypervisor.findDomain(compute)) !== undefined) {
      const seen = await this.domains.see(compute);
      const isOnThem = seen.xml.disks.some((d) => d.file !== undefined && overlays.includes(d.file));
      if (isOnThem) {
        await this.overlays.consolidate(seen);
        await this.overlays.startOnSame(await this.domains.see(compute));
      }
      if (await hypervisor.isActive(seen.dom)) await new BlockNodes(hypervisor).forget(seen, overlays);
      const isHeld = !isRunning(seen.power) && (await hypervisor.isActive(seen.dom));
      if (resumes && isHeld && !seen.marks.quarantined) await hypervisor.resume(seen.dom);
    }
    await deleteInternal(hypervisor, compute, id);
    await this.overlays.dropUnused(overlays);
    await rm(location, { recursive: true, force: true });
    await rm(this.folder.folderOf(id), { recursive: true, force: true });
  }

  /** Nothing of what was asked for is under way any more. */
  async #quiet(compute: string): Promise<void> {
    const { hypervisor } = this.domains;
    const dom = await hypervisor.findDomain(compute);
    if (dom === undefined) return;
    const what = `the job of "${dom.name}" cannot be ended`;
    const ends = async () => {
      const codes = [ErrorCode.operationInvalid, ErrorCode.noDomain];
      const job = await hypervisor.callUnless(codes, procedures.domainGetJobInfo, { dom }, what);
      if (job === undefined || job.type === NO_JOB) return true;
      await hypervisor.callUnless([...codes, ErrorCode.operationFailed], procedures.domainAbortJob, { dom }, what);
      return false;
    };
    await until(`The job of "${dom.name}" ends`, ends, { withinMs: QUIET_MS, everyMs: 100 });
  }
}

/** Undefined for a folder that another version of Ordeal has made, or that was not begun. */
async function madeBy(file: string): Promise<Maker | undefined> {
  return readValidated(file, maker, 'snapshot-corrupt').catch((e: unknown) => {
    if (e instanceof OrdealError && (e.kind === 'file-missing' || e.kind === 'snapshot-corrupt')) return undefined;
    throw e;
  });
}

/** Where nobody has made a snapshot yet there is no folder for them. */
function none(e: unknown): string[] {
  if (errnoOf(e) === 'ENOENT') return [];
  throw e;
}
