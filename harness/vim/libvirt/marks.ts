import { type DomainXml, escaped, ordealNamespace } from './domain-xml.js';

/** What Ordeal keeps about a domain inside libvirt, so that every process sees it: in the domain's metadata. */
export interface Marks {
  /** The VNFC that the domain is a container of. */
  readonly resource?: string;
  readonly runId?: string;
  readonly quarantined: boolean;
  /** Whether it is this domain that stands for the resource: absent means that its name decides. */
  readonly inPlace?: boolean;
  /** It ran when it was quarantined. */
  readonly wasRunning: boolean;
  /** It was restored with its memory: one that is off by then has lost it, and booting it is no restoration. */
  readonly hasMemory: boolean;
  /** The service whose instantiation defined it, and whose termination removes it. */
  readonly service?: string;
  /** It was ended by an injected crash. */
  readonly crashed: boolean;
}

export const noMarks: Marks = { quarantined: false, wasRunning: false, hasMemory: false, crashed: false };

export function readMarks(xml: DomainXml): Marks {
  const element = xml.ordeal;
  if (element === undefined) return noMarks;
  const get = (name: string) => element.getAttribute(name) ?? undefined;
  const [resource, runId, place, service] = [get('resource'), get('run'), get('in-place'), get('service')];
  return {
    ...(resource === undefined ? {} : { resource }),
    ...(runId === undefined ? {} : { runId }),
    ...(service === undefined ? {} : { service }),
    quarantined: get('quarantined') === 'yes',
    ...(place === undefined ? {} : { inPlace: place === 'yes' }),
    wasRunning: get('was-running') === 'yes',
    hasMemory: get('has-memory') === 'yes',
    crashed: get('crashed') === 'yes',
  };
}

/** @returns undefined when there is nothing to say */
export function writeMarks(marks: Marks): string | undefined {
  const attributes = {
    resource: marks.resource,
    run: marks.runId,
    service: marks.service,
    quarantined: marks.quarantined ? 'yes' : undefined,
    'in-place': marks.inPlace === undefined ? undefined : marks.inPlace ? 'yes' : 'no',
    'was-running': marks.wasRunning ? 'yes' : undefined,
    'has-memory': marks.hasMemory ? 'yes' : undefined,
    crashed: marks.crashed ? 'yes' : undefined,
  };
  const said = Object.entries(attributes).flatMap(([k, v]) => (v === undefined ? [] : `${k}="${escaped(v)}"`));
  return said.length === 0 ? undefined : `<vnfc xmlns="${ordealNamespace}" ${said.join(' ')}/>`;
}
