import type { TraceStep } from '../model/roles.js';

/** As a procedure tells it, and as a run record holds it. */
type Step = Omit<TraceStep, 'subject' | 'note'> & {
  readonly subject?: string | undefined;
  readonly note?: string | undefined;
};

/** Left to right, as the figures of clauses 6.4 and 6.5 have them; others follow as they appear. */
const order = ['Sender', 'EM', 'OSS/BSS', 'NFVO', 'VNF', 'VNFM', 'VIM', 'NFVI'];

export interface SequenceDiagram {
  /** `6.4.1 store-1` */
  readonly title: string;
  readonly mermaid: string;
}

/** One diagram for each run of a procedure: one of each VNF's, one of each VNFC's. */
export function sequenceDiagrams(trace: readonly Step[]): SequenceDiagram[] {
  const runs = new Map<string, Step[]>();
  for (const step of trace) {
    const title = [step.clause, step.subject].filter(Boolean).join(' ');
    runs.set(title, [...(runs.get(title) ?? []), step]);
  }
  return [...runs].map(([title, steps]) => ({ title, mermaid: sequenceDiagram(steps, title) }));
}

/** Mermaid source. Arrows carry the figure's step numbers; a step that was skipped is a note with the reason. */
export function sequenceDiagram(steps: readonly Step[], title?: string): string {
  const named = new Set(steps.flatMap((s) => [s.from, s.to]));
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const participants = [...named].sort((a, b) => rank(a) - rank(b));
  const alias = new Map(participants.map((name, i) => [name, `p${i}`]));
  const of = (name: string) => alias.get(name) ?? 'p0';
  const lines = steps.map((s) => {
    const text = escapeText(`${s.step} ${s.what}${s.note === undefined ? '' : ` (${s.note})`}`);
    if (s.outcome === 'skipped')
      return `  note over ${[...new Set([of(s.from), of(s.to)])].join(',')}: ${text}: skipped`;
    return `  ${of(s.from)}${s.outcome === 'failed' ? '-x' : isAnswer(s) ? '-->>' : '->>'}${of(s.to)}: ${text}`;
  });
  return [
    ...(title === undefined ? [] : ['---', `title: ${JSON.stringify(title)}`, '---']),
    'sequenceDiagram',
    ...participants.map((name) => `  participant ${of(name)} as ${escapeText(name)}`),
    ...lines,
    '',
  ].join('\n');
}

const isAnswer = ({ what }: Step): boolean => /: (done|granted|acknowledged)$/.test(what);

/** Mermaid reads ; as the end of a line, # as the beginning of an entity, and the word end as a keyword. */
const escapeText = (text: string): string =>
  text
    .replaceAll('#', '#35;')
    .replaceAll(/;(?<!#35;)/g, '#59;')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\bend\b/g, 'e#110;d')
    .replaceAll('<', '#lt;')
    .replaceAll('>', '#gt;');
