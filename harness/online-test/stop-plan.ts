import { z } from 'zod';
import { figureRules } from '../judge/judge.js';
import { type StopCondition, stopCondition } from '../model/stop-condition.js';
import { OrdealError } from '../util/errors.js';
import { validate } from '../util/validate.js';
import type { OnlineTestRequest } from './request.js';
import type { ServiceSession } from './session.js';
import { watched } from './stop-conditions.js';

/**
 * The descriptor's conditions and those of the request.
 * @throws OrdealError of kind scenario-invalid or unknown-target
 */
export function planStopConditions(
  { service }: ServiceSession,
  request: Pick<OnlineTestRequest, 'stopConditions'>,
  where: string,
): StopCondition[] {
  const { stopConditions, probes } = service.descriptor;
  const own = validate(request.stopConditions ?? [], where, z.array(stopCondition), 'scenario-invalid');
  const all = [...stopConditions, ...own];
  for (const c of all) {
    if (c.kind === 'command') continue;
    if (probes.some((p) => p.id === c.probe)) {
      watched(c, figureRules(probes));
      continue;
    }
    throw new OrdealError('unknown-target', `A stop condition names the probe "${c.probe}"`, {
      where: own.includes(c) ? where : service.file,
      expected: `one of ${probes.map((p) => p.id).join(', ')}`,
      remedy: 'Nothing was touched.',
    });
  }
  return all;
}

/** After `Stop at once when`. */
export function describeStopCondition(condition: StopCondition): string {
  const held = condition.holdMs === 0 ? '' : `, for ${condition.holdMs} ms`;
  if (condition.kind === 'command') {
    const { command, expectExitCode, everyMs } = condition;
    return `"${command.join(' ')}", run every ${everyMs} ms, does not end with ${expectExitCode}${held}`;
  }
  const { probe, indicator, figure, above, below, windowMs, of } = condition;
  const times = of === undefined ? '' : ' times that of the baseline';
  const limit = `${above === undefined ? `below ${below}` : `above ${above}`}${times}`;
  return `${indicator ?? figure} of ${probe} over ${windowMs} ms is ${limit}${held}`;
}
