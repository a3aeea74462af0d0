import type { KubernetesObject } from '@kubernetes/client-node';
import type * as specs from './generated.js';

export const group = 'chaos-mesh.org';
export const version = 'v1alpha1';

/** Each kind of Chaos Mesh that Ordeal creates, with the spec that its CRD asks for. */
export interface ChaosSpecs {
  readonly PodChaos: specs.PodChaosSpec;
  readonly NetworkChaos: specs.NetworkChaosSpec;
  readonly IOChaos: specs.IOChaosSpec;
  readonly StressChaos: specs.StressChaosSpec;
  readonly TimeChaos: specs.TimeChaosSpec;
  readonly DNSChaos: specs.DNSChaosSpec;
  readonly HTTPChaos: specs.HTTPChaosSpec;
  readonly KernelChaos: specs.KernelChaosSpec;
  readonly BlockChaos: specs.BlockChaosSpec;
  readonly PhysicalMachineChaos: specs.PhysicalMachineChaosSpec;
  readonly Schedule: specs.ScheduleSpec;
  readonly Workflow: specs.WorkflowSpec;
  readonly StatusCheck: specs.StatusCheckSpec;
}
export type ChaosKind = keyof ChaosSpecs;

const plurals: Readonly<Record<ChaosKind, string>> = {
  PodChaos: 'podchaos',
  NetworkChaos: 'networkchaos',
  IOChaos: 'iochaos',
  StressChaos: 'stresschaos',
  TimeChaos: 'timechaos',
  DNSChaos: 'dnschaos',
  HTTPChaos: 'httpchaos',
  KernelChaos: 'kernelchaos',
  BlockChaos: 'blockchaos',
  PhysicalMachineChaos: 'physicalmachinechaos',
  Schedule: 'schedules',
  Workflow: 'workflows',
  StatusCheck: 'statuschecks',
};
export const chaosKinds = Object.keys(plurals) as readonly ChaosKind[];

export const chaosPath = (namespace: string, kind: ChaosKind, name?: string): string =>
  `/apis/${group}/${version}/namespaces/${namespace}/${plurals[kind]}${name === undefined ? '' : `/${name}`}`;
export const pluralOf = (kind: ChaosKind): string => plurals[kind];

export interface ChaosCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

/** A created object, as much of its status as Ordeal reads. */
export interface ChaosObject<K extends ChaosKind = ChaosKind> extends KubernetesObject {
  readonly spec: ChaosSpecs[K];
  readonly status?: {
    readonly conditions?: readonly ChaosCondition[];
    readonly experiment?: {
      readonly desiredPhase?: string;
      readonly containerRecords?: readonly {
        readonly id: string;
        readonly phase: string;
        readonly injectedCount: number;
        readonly events?: readonly { readonly type?: string; readonly operation?: string; readonly message?: string }[];
      }[];
    };
  };
}

export const holds = (object: ChaosObject | undefined, type: string): boolean =>
  object?.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
