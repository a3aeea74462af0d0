import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { classifyIo } from '../util/errors.js';
import { Database } from './database.js';

/** One step a version; a step that was ever released is never edited. */
const migrations: readonly string[] = [
  `
  create table run (
    id text primary key,
    service text not null,
    title text not null,
    label text not null,
    startedAt text not null,
    verdict text not null
  ) strict;
  create index run_by_service on run (service, startedAt, id);
  create table figure (
    runId text not null references run (id) on delete cascade,
    probe text not null,
    indicator text not null,
    moment text not null,
    unit text not null,
    value real not null,
    primary key (runId, probe, indicator, moment)
  ) strict;
  `,
  `
  alter table figure add column isHighGood integer not null default 0;
  `,
];

/** When in a run a figure was taken: before the fault, after it, or of the run as a whole. */
export type Moment = 'baseline' | 'measurement' | 'run';

export interface Figure {
  readonly probe: string;
  readonly indicator: string;
  readonly moment: Moment;
  readonly unit: string;
  readonly value: number;
  /** Of a series that is no indicator of every probe: its great figures are good. */
  readonly isHighGood?: boolean;
}

export interface PastRun {
  readonly id: string;
  readonly service: string;
  readonly title: string;
  /** What was tested: a commit, a version, or empty. */
  readonly label: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The verdict on the service. */
  readonly verdict: string;
  readonly figures: readonly Figure[];
}

/**
 * The figures of past runs, in history.db of the state folder: they outlive the run folders, and are small. Durable when
 * a call returns; shared by any number of processes.
 */
export class RunHistory implements Disposable {
  readonly #database: Database;

  /** @throws OrdealError of kinds file-invalid, no-space */
  constructor(stateFolder: string) {
    try {
      mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    } catch (e) {
      throw classifyIo(e, stateFolder);
    }
    this.#database = new Database(join(stateFolder, 'history.db'), migrations);
  }

  /** A run that is known already is replaced. */
  add({ id, service, title, label, startedAt, verdict, figures }: PastRun): void {
    this.#database.transaction(() => {
      this.#database.run('delete from run where id = ?', id);
      this.#database.run('insert into run values (?, ?, ?, ?, ?, ?)', id, service, title, label, startedAt, verdict);
      for (const { probe, indicator, moment, unit, value, isHighGood = false } of figures) {
        const cells = [id, probe, indicator, moment, unit, value, Number(isHighGood)];
        this.#database.run('insert into figure values (?, ?, ?, ?, ?, ?, ?)', ...cells);
      }
    });
  }

  /** In the order in which they were started. @param service default: of every service @param last at most so many */
  runs({ service, last }: { service?: string; last?: number } = {}): readonly PastRun[] {
    const rows = this.#database.all<Omit<PastRun, 'figures'>>(
      `select * from run ${service === undefined ? '' : 'where service = ?'} order by startedAt desc, id desc limit ?`,
      ...(service === undefined ? [] : [service]),
      last ?? -1,
    );
    return rows.reverse().map((run) => ({
      ...run,
      figures: this.#database
        .all<Omit<Figure, 'isHighGood'> & { readonly isHighGood: number }>(
          'select probe, indicator, moment, unit, value, isHighGood from figure where runId = ? order by probe, indicator, moment',
          run.id,
        )
        .map(({ isHighGood, ...figure }) => (isHighGood === 1 ? { ...figure, isHighGood: true } : figure)),
    }));
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}
