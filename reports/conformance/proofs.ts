import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import type { Envelope, TestStepResult } from '@cucumber/messages';
import type { JSONReport, JSONReportSpec, JSONReportSuite } from '@playwright/test/reporter';
import { z } from 'zod';
import type { Capability } from '../../harness/model/capability.js';
import { classifyIo, OrdealError } from '../../harness/util/errors.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { validate } from '../../harness/util/validate.js';

/** One test or scenario with its tags and what became of it. */
export interface Proof {
  readonly title: string;
  /** With the line where it is known: `test/judge/judge.spec.ts:31`. */
  readonly file: string;
  /** With or without the leading @. */
  readonly tags: readonly string[];
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

export interface ProofFile {
  readonly file: string;
  /** ISO 8601: when the tests began; absent when the file does not say. */
  readonly at?: string;
  readonly count: number;
}

/** A VIM's answer to capabilities(), row by row. */
export type CapabilityTables = Readonly<Record<string, Readonly<Record<string, Capability>>>>;

export interface Evidence {
  readonly proofs: readonly Proof[];
  readonly files: readonly ProofFile[];
  readonly capabilities: CapabilityTables;
}

const capabilityFile = z.object({
  vims: z.record(
    z.string(),
    z.record(
      z.string(),
      z.union([
        z.object({ supported: z.literal(true), how: z.string().optional() }),
        z.object({ supported: z.literal(false), reason: z.string() }),
      ]),
    ),
  ),
});

/**
 * Reads what the test commands left: Playwright's JSON report (`*.json`), cucumber's messages (`*.ndjson`), and what
 * `ordeal capabilities --json` printed (`capabilities*.json`).
 * @throws OrdealError when the folder or a file cannot be read; an absent folder names the command that fills it
 */
export async function readEvidence(folder: string): Promise<Evidence> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (e) {
    throw new OrdealError('file-missing', 'There are no proofs', {
      where: folder,
      cause: e,
      remedy: 'Run `npm test` or `ordeal run` first; they write their results there.',
    });
  }
  const proofs: Proof[] = [];
  const files: ProofFile[] = [];
  const capabilities: Record<string, Record<string, Capability>> = {};
  for (const name of names) {
    const file = join(folder, name);
    if (/^capabilities.*\.json$/.test(name)) {
      Object.assign(capabilities, validate(parsed(await text(file), file), file, capabilityFile).vims);
    } else if (name.endsWith('.json') || name.endsWith('.ndjson')) {
      const content = await text(file);
      const { at, found } = name.endsWith('.json')
        ? playwrightProofs(parsed(content, file) as JSONReport, file)
        : cucumberProofs(content, file);
      proofs.push(...found);
      files.push({ file: basename(file), count: found.length, ...(at === undefined ? {} : { at }) });
    }
  }
  return { proofs, files, capabilities };
}

const text = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((e) => {
    throw classifyIo(e, file);
  });

function parsed(content: string, where: string): unknown {
  try {
    return JSON.parse(content);
  } catch (e) {
    throw new OrdealError('file-invalid', 'The proof is not JSON', { where, cause: e, remedy: 'Run the tests again.' });
  }
}

interface Found {
  readonly at?: string | undefined;
  readonly found: readonly Proof[];
}

/** The report of Playwright's `json` reporter. */
export function playwrightProofs(report: JSONReport, where: string): Found {
  if (!Array.isArray(report.suites)) {
    throw new OrdealError('file-invalid', "The proof is not a report of Playwright's json reporter", { where });
  }
  const specs = (suite: JSONReportSuite, titles: readonly string[]): Proof[] => [
    ...(suite.specs ?? []).map((spec) => specProof(spec, titles)),
    ...(suite.suites ?? []).flatMap((s) => specs(s, [...titles, s.title])),
  ];
  return {
    at: report.stats?.startTime as unknown as string | undefined,
    found: report.suites.flatMap((s) => specs(s, [])),
  };
}

/** A test that passed only when it was tried again has proven nothing, and neither has one that was to fail. */
function specProof(spec: JSONReportSpec, titles: readonly string[]): Proof {
  const results = spec.tests.flatMap((t) => t.results);
  const failed = results.find((r) => r.status !== 'passed' && r.status !== 'skipped');
  const title = [...titles, spec.title].join(' › ');
  const file = `${sourceOf(spec.file)}:${spec.line}`;
  const base = { title, file, tags: spec.tags };
  if (failed !== undefined) {
    const again = results.some((r) => r.status === 'passed');
    const why = firstLine(failed.error?.message ?? failed.status ?? 'failed');
    return { ...base, result: 'failed', reason: again ? `passed only when tried again: ${why}` : why };
  }
  if (results.length > 0 && results.every((r) => r.status === 'passed')) return { ...base, result: 'passed' };
  const skip = spec.tests.flatMap((t) => t.annotations).find((a) => a.type === 'skip' || a.type === 'fixme');
  return { ...base, result: 'skipped', reason: skip?.description ?? 'it did not run' };
}

/** Specs run from dist/; their source map names the source, relative to dist/test. */
const sourceOf = (file: string): string =>
  posix
    .normalize(posix.join('dist/test', file.replaceAll('\\', '/')))
    .replace(/^dist\//, '')
    .replace(/^(\.\.\/)+/, '');

const firstLine = (message: string): string =>
  message
    // biome-ignore lint/suspicious/noControlCharactersInRegex: Playwright colours its messages
    .replace(/\u001b\[[0-9;]*m/g, '')
    .split('\n')[0]
    ?.slice(0, 200) ?? '';

/** cucumber names a feature from the folder it ran in; one of ours is named from the root of the project. */
function featureOf(uri: string): string {
  const parts = uri
    .replaceAll('\\', '/')
    .split('/')
    .filter((p) => p !== '..' && p !== '.');
  const tails = parts.map((_, i) => parts.slice(i).join('/'));
  return tails.find((tail) => existsSync(join(packageRoot, tail))) ?? uri;
}

/** The messages of cucumber's `message` formatter, one JSON object a line. */
export function cucumberProofs(content: string, where: string): Found {
  const envelopes = content
    .split('\n')
    .filter((l) => l.trim() !== '')
    .map((l, i) => parsed(l, `${where}:${i + 1}`) as Envelope);
  const pickleOf = new Map(envelopes.flatMap(({ testCase: t }) => (t ? [[t.id, t.pickleId] as const] : [])));
  const attempts = new Map<string, { pickleId: string; results: TestStepResult[]; finished: boolean }>();
  for (const { testCaseStarted, testStepFinished, testCaseFinished } of envelopes) {
    if (testCaseStarted) {
      const pickleId = pickleOf.get(testCaseStarted.testCaseId) ?? '';
      attempts.set(testCaseStarted.id, { pickleId, results: [], finished: false });
    }
    if (testStepFinished)
      attempts.get(testStepFinished.testCaseStartedId)?.results.push(testStepFinished.testStepResult);
    const ended = testCaseFinished && attempts.get(testCaseFinished.testCaseStartedId);
    if (ended) ended.finished = true;
  }
  const found = envelopes.flatMap(({ pickle }): Proof[] => {
    if (pickle === undefined) return [];
    const own = [...attempts.values()].filter((a) => a.pickleId === pickle.id);
    const line = 'location' in pickle && pickle.location ? `:${pickle.location.line}` : '';
    const base = { title: pickle.name, file: `${featureOf(pickle.uri)}${line}`, tags: pickle.tags.map((t) => t.name) };
    const results = own.flatMap((a) => a.results);
    const failed = results.find((r) => ['FAILED', 'AMBIGUOUS', 'UNDEFINED'].includes(r.status));
    if (failed)
      return [{ ...base, result: 'failed', reason: firstLine(failed.message ?? failed.status.toLowerCase()) }];
    if (own.some((a) => !a.finished)) return [{ ...base, result: 'failed', reason: 'it did not come to its end' }];
    if (results.length > 0 && results.every((r) => r.status === 'PASSED')) return [{ ...base, result: 'passed' }];
    return [{ ...base, result: 'skipped', reason: 'it did not run' }];
  });
  const started = envelopes.find((e) => e.testRunStarted)?.testRunStarted?.timestamp;
  const at = started && new Date(Number(started.seconds) * 1000 + started.nanos / 1e6).toISOString();
  return { at, found };
}
