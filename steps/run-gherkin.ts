import { relative } from 'node:path';
import { PassThrough } from 'node:stream';
import type { IConfiguration } from '@cucumber/cucumber/api';
import { loadConfiguration, loadSupport, runCucumber } from '@cucumber/cucumber/api';
import type { Envelope } from '@cucumber/messages';
import type { GherkinOptions, GherkinOutcome } from '../harness/cli/fronts.js';
import { ManyErrors, OrdealError } from '../harness/util/errors.js';
import { thrown, useSettings } from './settings.js';
import { Storyteller } from './storyteller.js';

/**
 * Runs features through cucumber-js: first dry, so that a malformed feature or an undefined step is an error before
 * anything is touched; then for real, one scenario after the other.
 */
export async function runGherkin(options: GherkinOptions): Promise<GherkinOutcome> {
  const { cwd, paths, stateFolder, outFolder, listeners, signal, planOnly, planned, ran } = options;
  useSettings({ stateFolder, outFolder, listeners, signal, planOnly, planned, ran });
  const provided: Partial<IConfiguration> = {
    paths: paths.map((p) => relative(cwd, p) || '.'),
    import: [new URL('./index.js', import.meta.url).href],
    format: planOnly ? [] : [`message:${relative(cwd, outFolder) || '.'}/proof/cucumber.ndjson`],
    tags: options.tags ?? '',
    name: [...(options.name ?? [])],
    strict: true,
  };
  const quiet = new PassThrough().resume();
  const environment = { cwd, stdout: quiet, stderr: quiet, env: process.env };
  const { runConfiguration } = await loadConfiguration({ file: false, provided }, environment);
  const support = await loadSupport(runConfiguration, environment);

  const rehearsal: Envelope[] = [];
  await runCucumber(
    {
      ...runConfiguration,
      support,
      formats: { ...runConfiguration.formats, files: {} },
      runtime: { ...runConfiguration.runtime, dryRun: true },
    },
    environment,
    (m) => void rehearsal.push(m),
  );
  refuseWhatCannotRun(rehearsal, paths);

  const story = new Storyteller(planOnly ? () => undefined : options.say);
  thrown.length = 0;
  await runCucumber({ ...runConfiguration, support }, environment, (m) => story.hear(m));
  return { scenarios: story.scenarios, errors: [...thrown] };
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
