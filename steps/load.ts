import { Given, When } from '@cucumber/cucumber';
import type { AskedLoadInput } from '../harness/model/load.js';
import { readTrace } from '../harness/monitor/trace.js';
import type { Span } from './parameter-types.js';
import { spanned } from './span.js';
import type { OrdealWorld } from './world.js';

/** Load: beside the whole test, or as a fault at the VNFC where its requests go in (clause 4.1.1.1). */

type Timetable = AskedLoadInput['timetable'];

const constant = (rateHz: number): Timetable => ({ kind: 'constant', rateHz });

Given(
  'a load of {int} requests a second like the probe {string}{generator}',
  function (this: OrdealWorld, rateHz: number, probe: string, by: AskedLoadInput['by']) {
    this.load = { probe, timetable: constant(rateHz), by };
  },
);

function strike(world: OrdealWorld, vnfc: string, load: Omit<AskedLoadInput, 'durationMs'>, span: Span) {
  // A generator that is another process ends by itself, should nobody be left to end it.
  const durationMs = span.durationMs === undefined ? {} : { durationMs: span.durationMs };
  return world.act(spanned({ kind: 'load', target: { vnfc }, params: { ...load, ...durationMs } }, span));
}

When(
  'the VNFC {string} is under a load of {int} requests a second like the probe {string}{generator}{span}',
  function (this: OrdealWorld, vnfc: string, rateHz: number, probe: string, by: AskedLoadInput['by'], span: Span) {
    return strike(this, vnfc, { probe, timetable: constant(rateHz), by }, span);
  },
);

When(
  'the VNFC {string} is under a load that grows from {int} to {int} requests a second within {duration} like the probe {string}{generator}{span}',
  function (
    this: OrdealWorld,
    vnfc: string,
    fromHz: number,
    toHz: number,
    overMs: number,
    probe: string,
    by: AskedLoadInput['by'],
    span: Span,
  ) {
    return strike(this, vnfc, { probe, timetable: { kind: 'ramp', fromHz, toHz, overMs }, by }, span);
  },
);

When(
  'the VNFC {string} is under bursts of {int} requests every {duration} like the probe {string}{span}',
  function (this: OrdealWorld, vnfc: string, size: number, everyMs: number, probe: string, span: Span) {
    return strike(this, vnfc, { probe, timetable: { kind: 'burst', size, everyMs } }, span);
  },
);

When(
  'the VNFC {string} is under the load of the trace {string} like the probe {string}{span}',
  async function (this: OrdealWorld, vnfc: string, file: string, probe: string, span: Span) {
    const dueMs = await readTrace(this.beside(file));
    return strike(this, vnfc, { probe, timetable: { kind: 'trace', dueMs } }, span);
  },
);
