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

/**
 * The weakest proof counts: one fault without effect, and the run proves nothing.
 * @param planned how many faults there were to be; default: as many as came
 */
export function injectionVerdict({ all }: Injector, planned = all.length): Verdicts['injection'] {
  const doses = all.map((i) => i.dose);
  if (doses.length === 0 || doses.length < planned || doses.includes('not-injected')) return 'not-injected';
  if (doses.includes('no-effect')) return 'no-effect';
  return doses.includes('wrong-dose') ? 'wrong-dose' : 'confirmed';
}

/** Step 7: what the comparison says goes into the record. */
export function conclude({ recorder, plan, observation, injector }: Run, measured: Measured, found: Judgement): void {
  const { record } = recorder;
  const service = serviceVerdict(found);
  recorder.verdict({ service, injection: injectionVerdict(injector, plan.faults.length) });
  record.indicators = [...found.indicators];
  const back = observation.recoveredMs(measured.injectedMs);
  record.timeToRecoverMs = service === 'recovered' ? back : null;
  // Of several faults, the last one counts: until then the service cannot be back for good.
  const lastMs = measured.injectedMs + Math.max(...plan.faults.map((f) => f.afterMs));
  const afterLast = observation.recoveredMs(lastMs);
  record.recovery =
    service === 'inconclusive'
      ? 'cannot-tell'
      : service === 'recovered' && afterLast !== null && afterLast <= plan.expectedRecoveryMs
        ? 'within'
        : 'beyond';
}
