import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sample } from '../harness/model/probe.js';
import type { RunRecord } from '../harness/model/run-record.js';
import { outages } from '../harness/monitor/outage-clock.js';
import { writeAtomically } from '../harness/util/atomic-file.js';
import { OrdealError } from '../harness/util/errors.js';
import { collectionPage } from './html/collection-page.js';
import { runPage } from './html/run-page.js';
import { junitXml } from './junit.js';
import { plotsOf, spanOf } from './plots/index.js';
import { readRun, readSamples } from './run-folder.js';
import { summaryText } from './summary.js';

export { renderAllure, writeAllureResults } from './allure.js';
export { comparisonText } from './comparison.js';
export { conformanceText, writeConformance } from './conformance.js';
export { historyText } from './history.js';
export { comparisonPlot } from './plots/comparison.js';
export { terminalProgress } from './progress.js';
export { summaryText } from './summary.js';

/** Reports hold no memory of VNFCs, and CI has to publish them: everybody may read them. */
const mode = 0o644;

/** Paths of what was written, beside run.json. */
export interface ReportFiles {
  readonly html: string;
  readonly summary: string;
  readonly junit: string;
  /** Every indicator over time, the overview first; empty when the run has no samples. */
  readonly plots: readonly string[];
}

/**
 * Prerequisite: the folder holds run.json, of a run that has ended. On success: report.html, summary.txt, junit.xml and
 * plots/*.svg lie beside it; writing them again gives the same files.
 * @throws OrdealError when run.json or the samples are missing or malformed, or no space is left
 */
export async function writeReports(runFolder: string): Promise<ReportFiles> {
  const recorded = await readRun(runFolder);
  const samples = await samplesIfAny(runFolder, recorded);
  const record = withAllOutages(recorded, samples);
  const plots = plotsOf(record, samples);
  const files: ReportFiles = {
    html: join(runFolder, 'report.html'),
    summary: join(runFolder, 'summary.txt'),
    junit: join(runFolder, 'junit.xml'),
    plots: plots.map((p) => join(runFolder, 'plots', `${p.name}.svg`)),
  };
  await mkdir(join(runFolder, 'plots'), { recursive: true });
  for (const plot of plots) await writeAtomically(join(runFolder, 'plots', `${plot.name}.svg`), plot.svg.text, mode);
  await writeAtomically(files.summary, summaryText(record), mode);
  await writeAtomically(files.junit, junitXml([record]).text, mode);
  await writeAtomically(files.html, runPage(record, plots).text, mode);
  return files;
}

/** run.json has the outages up to the judgement; the samples tell when the service was back by the restoration. */
function withAllOutages(record: RunRecord, samples: readonly Sample[]): RunRecord {
  const { endMs } = spanOf(record, samples);
  const probes = [...new Set(samples.map((s) => s.probe))];
  const found = probes.flatMap((probe) => {
    const own = samples.filter((s) => s.probe === probe);
    const fromMs = own[0]?.intendedMs ?? 0;
    const rateHz = (own.length * 1000) / Math.max(1, endMs - fromMs);
    return outages({ probe, rateHz, fromMs, toMs: endMs, samples: own });
  });
  return samples.length === 0 ? record : { ...record, outages: found };
}

/** A run that ended before it probed has no samples, and a report all the same. */
async function samplesIfAny(runFolder: string, record: RunRecord): Promise<readonly Sample[]> {
  try {
    return await readSamples(runFolder, record);
  } catch (e) {
    if (e instanceof OrdealError && e.kind === 'file-missing' && record.phases.length === 0) return [];
    throw e;
  }
}

export interface CollectionFiles {
  readonly html: string;
  readonly junit: string;
}

/** One page and one junit.xml over the runs of one `ordeal run`; each run's folder is named after its id in `outFolder`. */
export async function writeCollection(outFolder: string, runs: readonly RunRecord[]): Promise<CollectionFiles> {
  const files = { html: join(outFolder, 'index.html'), junit: join(outFolder, 'junit.xml') };
  const linked = await Promise.all(
    runs.map(async (record) => {
      const href = `${encodeURIComponent(record.id)}/report.html`;
      return (await exists(join(outFolder, record.id, 'report.html'))) ? { record, href } : { record };
    }),
  );
  await writeAtomically(files.junit, junitXml(runs).text, mode);
  await writeAtomically(files.html, collectionPage(linked).text, mode);
  return files;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
