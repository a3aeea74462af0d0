import type { Injector } from '../fault/injector.js';
import type { Judgement } from '../judge/judge.js';
import type { Verdicts } from '../model/verdict.js';
import type { Measured, Run } from './stages.js';

/** Lost requests make a service failed; slower or fewer answers alone make it degraded. */
const losses: readonly string[] = ['errorRatio', 'availability'];

export function serviceVerdict({ outcome, indicators }: Judgement): Verdicts['service'] {
  switch (outcome) {
    case 'worse':
      return indicators.some((i) => i.outcome === 'worse' && losses.includes(i.indicator)) ? 'failed' : 'degraded';
    case 'inconclusive':
      return 'inconclusive';
    default:
      return 'recovered';
  }
}

/** The weakest proof counts: one fault without effect, and the run proves nothing. */
export function injectionVerdict({ all }: Injector): Verdicts['injection'] {
  const doses = all.map((i) => i.dose);
  if (doses.length === 0 || doses.includes('not-injected')) return 'not-injected';
  if (doses.includes('no-effect')) return 'no-effect';
  return doses.includes('wrong-dose') ? 'wrong-dose' : 'confirmed';
}

/** Step 7: what the comparison says goes into the record. */
export function conclude({ recorder, plan, observation, injector }: Run, measured: Measured, found: Judgement): void {
  const { record } = recorder;
  const service = serviceVerdict(found);
  recorder.verdict({ service, injection: injectionVerdict(injector) });
  record.indicators = [...found.indicators];
  const back = observation.recoveredMs(measured.injectedMs);
  record.timeToRecoverMs = service === 'recovered' ? back : null;
  record.recovery =
    service === 'inconclusive'
      ? 'cannot-tell'
      : service === 'recovered' && back !== null && back <= plan.expectedRecoveryMs
        ? 'within'
        : 'beyond';
}
