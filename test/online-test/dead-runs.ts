import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'libsql';
import type { JournalAction } from '../../harness/model/journal.js';
import { type RunRecord, runRecord } from '../../harness/model/run-record.js';
import { recover } from '../../harness/online-test/recover.js';
import { Journal } from '../../harness/store/journal.js';
import { TestServer } from '../monitor/test-server.js';
import { temporaryFolder } from '../temporary-folder.js';
import { fakeSession, type Mischief, webService } from './recovery-fakes.js';
import { injection } from './undo-fakes.js';

/** No process has this id: it is beyond what Linux gives out. */
export const gone = 2 ** 22 + 1;
export const compute = { vim: 'fake', resource: 'web', computeId: 'web@1' };
export const fault: JournalAction = { type: 'fault', injection: { ...injection, vim: 'fake' } };
export const look = 'look whether front are as before, and restore them if not';

/** Runs whose process has died, in a real journal over a VIM in memory; the service that is looked at is a real HTTP server. */
export class DeadRuns implements AsyncDisposable {
  readonly journal: Journal;

  private constructor(
    readonly stateFolder: string,
    readonly server: TestServer,
  ) {
    this.journal = new Journal(stateFolder);
  }

  static async open(): Promise<DeadRuns> {
    return new DeadRuns(await temporaryFolder('recover'), await TestServer.start());
  }

  get outFolder(): string {
    return join(this.stateFolder, 'out', 'run-1');
  }

  /** One with these entries open. */
  run(
    actions: readonly JournalAction[],
    { id = 'run-1', pid = gone, stopBy = '', serviceFile = 'service.yaml' } = {},
  ): void {
    const run = { id, serviceFile, serviceId: `svc-${id}`, outFolder: this.outFolder, leaseMs: 500 };
    this.journal.begin({ ...run, pid: process.pid, startedAt: new Date().toISOString() });
    for (const action of actions) this.journal.intend(id, action);
    if (stopBy !== '') this.journal.requestStop(id, stopBy);
    this.give(id, pid);
  }

  /** One that had come to the end of all it began. */
  settled(actions: readonly JournalAction[]): void {
    this.run(actions);
    for (const { id } of this.journal.open('run-1')) this.journal.settle(id);
  }

  /** As if that process held the run, and had given one more sign of life. */
  give(id: string, pid: number): void {
    const db = new Database(this.journal.file);
    db.prepare('update run set pid = ?, beats = beats + 1 where id = ?').run(pid, id);
    db.close();
  }

  async recovered(mischief: Mischief = {}, rateHz?: number) {
    const { stateFolder, server } = this;
    const { told, session } = fakeSession(stateFolder, webService(stateFolder, server.base, rateHz), mischief);
    const said: string[] = [];
    const steps = await recover(stateFolder, { open: async () => session, say: (line) => void said.push(line) });
    return { told, said, steps: steps.map((s) => [s.outcome, s.what, ...(s.reason === undefined ? [] : [s.reason])]) };
  }

  async record(): Promise<RunRecord> {
    return runRecord.parse(JSON.parse(await readFile(join(this.outFolder, 'run.json'), 'utf8')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.journal[Symbol.dispose]();
    await rm(this.stateFolder, { recursive: true, force: true });
  }
}
