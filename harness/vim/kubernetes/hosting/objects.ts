import type { V1ConfigMap, V1CronJob, V1Job, V1JobSpec, V1PodSpec, V1Secret } from '@kubernetes/client-node';
import { type HostedCall, type HostedSchedule, hostedResults } from '../../../model/hosting.js';
import { OrdealError } from '../../../util/errors.js';
import { label } from '../marks.js';

export const filesAt = '/work';
const accountName = 'ordeal';
const container = 'ordeal';
/** A ConfigMap holds no more than 1 MiB, its keys and names included. */
const mostBytes = 900 * 1024;
/** It heals and gives back before it ends, and hands its results over. */
const GRACE_SECONDS = 900;
const KEPT_SECONDS = 3600;

export const labelsOf = ({ name }: HostedCall) => ({ [label.role]: 'hosted', [label.job]: name });

/** @throws OrdealError of kind file-invalid when they are too many */
export function filesOf(call: HostedCall): V1ConfigMap {
  const bytes = [...call.files.values()].reduce((sum, f) => sum + f.byteLength, 0);
  if (bytes > mostBytes) {
    throw new OrdealError('file-invalid', 'The files of the test do not fit into a ConfigMap', {
      expected: `at most ${mostBytes} bytes`,
      got: `${bytes} bytes in ${call.files.size} files`,
      remedy: 'Put them into an image of your own, made from the one of Ordeal.',
    });
  }
  const binaryData = [...call.files.values()].map((content, i) => [`f${i}`, Buffer.from(content).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: call.name, labels: labelsOf(call) },
    binaryData: Object.fromEntries(binaryData) as Record<string, string>,
  };
}

export const tokenOf = (call: HostedCall, token: string): V1Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: call.name, labels: labelsOf(call) },
  stringData: { token },
});

/** @param handsOver it waits at its end until its results were fetched */
function podOf(call: HostedCall, handsOver: boolean): V1PodSpec {
  const items = [...call.files.keys()].map((path, i) => ({ key: `f${i}`, path }));
  const claim = call.storage;
  return {
    restartPolicy: 'Never',
    serviceAccountName: accountName,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    // As the Pod Security Standard "restricted" asks for.
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: container,
        image: call.image,
        args: ['hosted', '--', ...call.args],
        env: [
          { name: 'HOME', value: '/tmp' },
          // Below the volume, which is not the user's own: a state folder is made for its owner alone.
          { name: 'ORDEAL_STATE', value: '/state/ordeal' },
          { name: 'ORDEAL_OUT', value: '/out' },
          ...(handsOver
            ? [{ name: hostedResults.tokenVariable, valueFrom: { secretKeyRef: { name: call.name, key: 'token' } } }]
            : []),
        ],
        ...(handsOver ? { ports: [{ name: 'results', containerPort: hostedResults.port }] } : {}),
        resources: { requests: { cpu: '250m', memory: '256Mi' } },
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'work', mountPath: filesAt, readOnly: true },
          { name: 'state', mountPath: '/state', ...(claim === undefined ? {} : { subPath: 'state' }) },
          { name: 'out', mountPath: '/out', ...(claim === undefined ? {} : { subPath: 'out' }) },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'work', configMap: { name: call.name, items } },
      ...(['state', 'out'] as const).map((name) =>
        claim === undefined ? { name, emptyDir: {} } : { name, persistentVolumeClaim: { claimName: claim } },
      ),
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

const jobSpec = (call: HostedCall, handsOver: boolean): V1JobSpec => ({
  // A test that failed has injected its fault: nothing but a person runs it again.
  backoffLimit: 0,
  activeDeadlineSeconds: Math.ceil(call.maxMs / 1000),
  ttlSecondsAfterFinished: KEPT_SECONDS,
  template: { metadata: { labels: labelsOf(call) }, spec: podOf(call, handsOver) },
});

export const jobOf = (call: HostedCall): V1Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: call.name, labels: labelsOf(call) },
  spec: jobSpec(call, true),
});

export const cronJobOf = (call: HostedSchedule): V1CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: call.name, labels: labelsOf(call) },
  spec: {
    schedule: call.cron,
    timeZone: call.timeZone,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: Math.ceil(call.startWithinMs / 1000),
    jobTemplate: { metadata: { labels: labelsOf(call) }, spec: jobSpec(call, false) },
  },
});
