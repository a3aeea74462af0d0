import { relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { IConfiguration } from '@cucumber/cucumber/api';
import { loadConfiguration, loadSupport, runCucumber } from '@cucumber/cucumber/api';
import type { Envelope } from '@cucumber/messages';
import type { GherkinOptions, GherkinOutcome } from '../harness/cli/fronts.js';
import { asError, ManyErrors, OrdealError } from '../harness/util/errors.js';
import { thrown, useSettings } from './settings.js';
import { Storyteller } from './storyteller.js';

/**
 * Runs features through cucumber-js three times: dry, so that a malformed feature or an undefined step is an error;
 * planning, so that an unknown target or a missing file is one, in whichever scenario; and only then for real.
 */
export async function runGherkin(options: GherkinOptions): Promise<GherkinOutcome> {
  const { cwd, paths, services, stateFolder, outFolder, listeners, signal, planOnly, planned, ran } = options;
  const settings = { services, stateFolder, outFolder, listeners, signal, planned, ran };
  thrown.length = 0;
  useSettings({ ...settings, planned: planOnly ? planned : () => undefined, planOnly: true });
  const provided: Partial<IConfiguration> = {
    paths: paths.map((p) => relative(cwd, p) || '.'),
    import: [fileURLToPath(new URL('./index.js', import.meta.url))],
    format: planOnly ? [] : [`message:${relative(cwd, outFolder) || '.'}/proof/cucumber.ndjson`],
    tags: options.tags ?? '',
    name: [...(options.name ?? [])],
    strict: true,
  };
  const quiet = new PassThrough().resume();
  const environment = { cwd, stdout: quiet, stderr: quiet, env: process.env };
  const { runConfiguration } = await loadConfiguration({ file: false, provided }, environment);
  const support = await loadSupport(runConfiguration, environment);

  const noFormats = { ...runConfiguration.formats, files: {} };
  const rehearsal: Envelope[] = [];
  await runCucumber(
    {
      ...runConfiguration,
      support,
      formats: noFormats,
      runtime: { ...runConfiguration.runtime, dryRun: true },
    },
    environment,
    (m) => void rehearsal.push(m),
  );
  refuseWhatCannotRun(rehearsal, paths);

  const planning = new Storyteller(() => undefined);
  await runCucumber({ ...runConfiguration, support, formats: noFormats }, environment, (m) => planning.hear(m));
  refuseWhatCannotBePlanned();
  if (planOnly) return { scenarios: planning.scenarios, errors: [] };

  useSettings({ ...settings, planOnly: false });
  const story = new Storyteller(options.say);
  await runCucumber({ ...runConfiguration, support }, environment, (m) => story.hear(m));
  return { scenarios: story.scenarios, errors: [...thrown] };
}

/** The same fault of a file that three scenarios name is one error. */
function refuseWhatCannotBePlanned(): void {
  const different = new Map(thrown.map((e) => [asError(e).message, asError(e)]));
  const [first, ...others] = different.values();
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const kind = first instanceof OrdealError ? first.kind : 'internal';
  throw new ManyErrors(kind, 'Some scenarios cannot be run', [first, ...others]);
}

/** @throws OrdealError of kind file-invalid, step-undefined or file-missing; every finding at once */
function refuseWhatCannotRun(messages: readonly Envelope[], paths: readonly string[]): void {
  const malformed = messages.flatMap(({ parseError }) =>
    parseError === undefined
      ? []
      : [
          new Error(
            `${parseError.source.uri}:${parseError.source.location?.line ?? 1}: ${parseError.message.split('\n').at(-1)}`,
          ),
        ],
  );
  if (malformed.length > 0) {
    throw new ManyErrors(
      'file-invalid',
      'The feature is not well-formed Gherkin',
      malformed,
      'Correct it; nothing was started.',
    );
  }
  const pickles = messages.flatMap(({ pickle }) => (pickle === undefined ? [] : [pickle]));
  if (pickles.length === 0) {
    throw new OrdealError('file-missing', 'There is no scenario to run', {
      where: paths.join(', '),
      remedy: 'Check the path, --tags and --name.',
    });
  }
  const empty = pickles.filter((p) => p.steps.length === 0);
  if (empty.length > 0) {
    const errors = empty.map((p) => new Error(`${p.uri}: scenario "${p.name}" has no steps`));
    throw new ManyErrors('file-invalid', 'A scenario without steps proves nothing', errors, 'Nothing was started.');
  }
  const lineOf = new Map<string, number>();
  for (const { gherkinDocument } of messages) {
    const children = (gherkinDocument?.feature?.children ?? []).flatMap((c) => [c, ...(c.rule?.children ?? [])]);
    for (const step of children.flatMap((c) => [...(c.background?.steps ?? []), ...(c.scenario?.steps ?? [])])) {
      lineOf.set(step.id, step.location.line);
    }
  }
  const undefinedSteps = messages.flatMap(({ testCase }) => {
    const pickle = pickles.find((p) => p.id === testCase?.pickleId);
    return (testCase?.testSteps ?? []).flatMap((t) => {
      const step = pickle?.steps.find((s) => s.id === t.pickleStepId);
      const count = t.stepDefinitionIds?.length;
      if (step === undefined || count === undefined || count === 1) return [];
      const line = lineOf.get(step.astNodeIds[0] ?? '') ?? 0;
      return [
        new Error(
          `${pickle?.uri}:${line}: "${step.text}" ${count === 0 ? 'is no step that Ordeal knows' : 'is ambiguous'}`,
        ),
      ];
    });
  });
  if (undefinedSteps.length > 0) {
    throw new ManyErrors(
      'step-undefined',
      'Steps are undefined',
      undefinedSteps,
      'The steps are listed in features/README.md; nothing was started.',
    );
  }
}
