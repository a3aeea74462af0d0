import { z } from 'zod';
import { informee } from './informee.js';
import { nfvo, snapshotSubscriber } from './nfvo.js';
import { snapshotDescriptor } from './snapshot-descriptor.js';
import { lifecyclePolicy, rootCausePolicy } from './snapshot-policy.js';
import { stopCondition } from './stop-condition.js';

/**
 * The network service descriptor: what is to be tested, and what is known about it. One schema gives the types,
 * the checks and the JSON Schema for editors (scenarios/network-service.schema.json).
 */

const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, dot, dash or underscore')
  .max(64, 'must have at most 64 characters');
const ms = z.number().int().nonnegative();

export const connectionPoint = z.strictObject({
  id,
  link: id.optional().describe('The virtual link that it joins; absent for an external connection point.'),
  external: z
    .strictObject({
      protocol: z.enum(['http', 'udp']),
      port: z.number().int().min(0).max(65535).default(0).describe('On 127.0.0.1; 0 lets the VIM choose.'),
    })
    .optional(),
});

export const disk = z.strictObject({
  id,
  sizeBytes: z.number().int().positive(),
  independent: z.boolean().default(false).describe('Left out of every snapshot (clause 6.1.1).'),
});

export const vnfc = z.strictObject({
  id,
  vim: z.string().default('embedded'),
  resource: z.string().optional().describe('Its name in the VIM: domain, container, pod. Default: the id.'),
  redundancyGroup: id.optional().describe('VNFCs of one group stand in for each other.'),
  connectionPoints: z.array(connectionPoint).default([]),
  disks: z.array(disk).default([]),
  deployment: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('How the VIM starts it: module, image, domain. Checked by the driver.'),
});

export const vnf = z.strictObject({
  id,
  vnfdId: z.string(),
  vnfd: z.string().optional().describe('The VNFD: a file or a folder, relative to this file.'),
  vnfcs: z.array(vnfc).min(1, 'must name at least one VNFC'),
  snapshot: snapshotDescriptor.prefault({}),
  snapshotNotification: z
    .array(snapshotSubscriber)
    .default([])
    .describe('How the VNF hears that it is about to be captured or reverted, and when that is over (VeVnfmvnf-Vsn).'),
});

export const virtualLink = z.strictObject({ id, description: z.string().optional() });

const rate = z.number().positive().max(1000).describe('Samples a second, open loop.');
const probeCommon = { id, rateHz: rate.default(20), timeoutMs: ms.default(1000) };
const port = z.number().int().min(1).max(65535);
const expectedBody = {
  body: z.string().optional().describe('The answer contains this text, with {key} and {base} filled in.'),
  exact: z.boolean().optional().describe('The answer is this text and nothing else.'),
};
const keys = z
  .strictObject({ prefix: z.string().default(''), from: z.number().int().default(1), to: z.number().int() })
  .describe('The population that the probe draws from: {key} in url and body becomes prefix + number.');

const range = z
  .strictObject({ min: z.number().optional(), max: z.number().optional() })
  .refine((r) => r.min !== undefined || r.max !== undefined, 'must have min, max or both')
  .describe('Where the figure is good, both ends included.');

/** How much an indicator may differ from its baseline and still be as before; the wider of the two counts. */
export const tolerance = z.strictObject({
  relative: z.number().nonnegative().optional().describe('0.1 is 10 % of the baseline.'),
  absolute: z.number().nonnegative().optional().describe("In the indicator's own unit."),
});

const labels = z.record(z.string(), z.string()).default({});

export const figure = z
  .strictObject({
    id: id.describe('The indicator that it becomes.'),
    labels: labels.describe('Of the samples that count; others may be there.'),
    combine: z.enum(['sum', 'mean', 'min', 'max']).default('sum').describe('Of several samples that count.'),
    perSecond: z.boolean().default(false).describe('Of a counter: how much it grows in a second.'),
    good: z.enum(['low', 'high']).describe('Which way is good.'),
    quantity: z.enum(['mean', 'p50', 'p90', 'p95', 'p99', 'spread']).default('p50').describe('What of it is judged.'),
    margin: tolerance.default({ relative: 0.1 }),
    unit: z.string().default(''),
  })
  .describe('A series of figures that is judged as every other indicator is.');
const figures = z.array(figure).default([]);
const pageFigures = z.array(figure.extend({ metric: z.string().min(1) })).default([]);
const judgesSomething = (p: { readonly expect?: unknown; readonly figures: readonly unknown[] }): boolean =>
  p.expect !== undefined || p.figures.length > 0;
const nothingJudged = 'must have expect, figures or both';

export const probe = z.discriminatedUnion('kind', [
  z.strictObject({
    ...probeCommon,
    kind: z.literal('http'),
    connectionPoint: id.optional().describe('<vnfc>.<cp> of this service: its address becomes {base} in the url.'),
    url: z.string().describe('For example {base}/sessions/{key}.'),
    method: z.string().default('GET'),
    body: z.string().optional(),
    keys: keys.optional(),
    expect: z.strictObject({ status: z.array(z.number().int()).default([200]), ...expectedBody }).prefault({}),
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('tcp'),
    host: z.string().default('127.0.0.1'),
    port,
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('udp'),
    connectionPoint: id.optional().describe('<vnfc>.<cp> of this service: its address becomes {base}.'),
    address: z.string().default('{base}').describe('udp://host:port'),
    payload: z.string().describe('One datagram; {key} is filled in. One datagram back is the answer.'),
    keys: keys.optional(),
    expect: z.strictObject(expectedBody).prefault({}),
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('dns'),
    host: z.string().default('127.0.0.1').describe('The address of the name server.'),
    port: port.default(53),
    name: z.string().min(1).describe('The name to be resolved; {key} is filled in.'),
    type: z.enum(['A', 'AAAA', 'CNAME', 'MX', 'NAPTR', 'NS', 'PTR', 'SRV', 'TXT']).default('A'),
    keys: keys.optional(),
    expect: z
      .strictObject({ answer: z.string().optional().describe('One of the records contains this text.') })
      .prefault({}),
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('tls'),
    host: z.string().default('127.0.0.1'),
    port,
    serverName: z.string().optional().describe('SNI, and the name that the certificate must carry. Default: the host.'),
    ca: z.string().optional().describe('PEM of the certification authority. Default: those that Node.js trusts.'),
    validForDays: z.number().nonnegative().optional().describe('The certificate is still valid for so many days.'),
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('command'),
    command: z.array(z.string()).min(1),
    expectExitCode: z.number().int().default(0),
  }),
  z.strictObject({
    ...probeCommon,
    rateHz: z.number().positive().max(50).default(5).describe('Each sample is a process: ping.'),
    kind: z.literal('icmp'),
    host: z.string().min(1).regex(/^[^-]/, 'must not begin with a dash'),
  }),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('grpc'),
    host: z.string().default('127.0.0.1'),
    port,
    tls: z.boolean().default(false),
    ca: z.string().optional().describe('PEM of the certification authority. Default: those that Node.js trusts.'),
    service: z.string().default('').describe('As grpc.health.v1.Health/Check names it; empty: the server as a whole.'),
  }),
  z
    .strictObject({
      ...probeCommon,
      kind: z.literal('promql'),
      url: z.url().describe('Of the Prometheus server, or of what speaks its HTTP API.'),
      query: z
        .string()
        .min(1)
        .describe('An instant query; every series of its answer must be good, and there must be one.'),
      expect: range.optional(),
      figures: figures.describe('Read from the answer, each the series with its labels.'),
    })
    .refine(judgesSomething, nothingJudged),
  z
    .strictObject({
      ...probeCommon,
      kind: z.literal('openmetrics'),
      url: z.url().describe('The page of metrics.'),
      metric: z.string().min(1).optional().describe('Whose samples must be as expected.'),
      labels: labels.describe('Of the samples that count; others may be there.'),
      expect: range.optional(),
      figures: pageFigures.describe('Read from the same page, one request for all of them.'),
    })
    .refine(judgesSomething, nothingJudged)
    .refine((p) => (p.metric === undefined) === (p.expect === undefined), 'must have metric and expect, or neither'),
  z.strictObject({
    ...probeCommon,
    kind: z.literal('log'),
    file: z.string().min(1),
    pattern: z.string().describe('A regular expression, line by line. What was in the file before does not count.'),
    expect: z.enum(['absent', 'present']).default('absent').describe('Of the lines since the sample before.'),
  }),
]);

export const indicatorName = z.enum([
  'requestRate',
  'errorRatio',
  'latencyP50',
  'latencyP95',
  'latencyP99',
  'availability',
]);

export const networkService = z.strictObject({
  schema: z.literal('ordeal.service/1'),
  id,
  name: z.string().optional(),
  description: z.string().optional(),
  expectedRecoveryMs: ms.describe('Pre-condition 4 of clause 4.1.1.3.'),
  highAvailability: z.string().describe('The mechanism that recovers the service by itself (pre-condition 3).'),
  vims: z.record(z.string(), z.record(z.string(), z.unknown())).default({ embedded: {} }),
  vnfs: z.array(vnf).min(1, 'must name at least one VNF'),
  virtualLinks: z.array(virtualLink).default([]),
  population: z
    .strictObject({
      connectionPoint: id,
      method: z.string().default('PUT'),
      url: z.string(),
      body: z.string().default(''),
      keys,
    })
    .optional()
    .describe('State that is put into the service once it has started, such as live sessions.'),
  probes: z.array(probe).min(1, 'must name at least one probe'),
  indicators: z.partialRecord(indicatorName, tolerance).default({}),
  stopConditions: z
    .array(stopCondition)
    .default([])
    .describe('Watched from the injection until all is healed and measured; one that is crossed aborts the test.'),
  inform: z.array(informee).default([]).describe('Who is told when an online test has ended (clause 4.1.1.5).'),
  nfvo: nfvo.optional().describe('Absent: direct resource management, and nobody who could grant.'),
  lifecycle: lifecyclePolicy.prefault({}).describe('For `ordeal snapshot around` (clause 4.3.1).'),
  rootCause: rootCausePolicy.prefault({}).describe('For `ordeal snapshot watch` (clause 4.2.1).'),
  blastRadius: z
    .strictObject({
      vnfcsPerRedundancyGroup: z.number().int().positive().default(1),
      shareOfVnf: z.number().positive().max(1).default(0.5),
    })
    .prefault({}),
});

export type NetworkService = z.output<typeof networkService>;
export type Vnf = NetworkService['vnfs'][number];
export type Vnfc = Vnf['vnfcs'][number];
export type ConnectionPoint = Vnfc['connectionPoints'][number];
export type VirtualLink = NetworkService['virtualLinks'][number];
export type ProbeSpec = NetworkService['probes'][number];
export type IndicatorName = z.output<typeof indicatorName>;
export type FigureSpec = z.output<typeof figure>;
export type Tolerance = z.output<typeof tolerance>;

/** A descriptor with the folder that its relative paths start from. */
export interface LocatedService {
  readonly file: string;
  readonly folder: string;
  readonly descriptor: NetworkService;
}

export const vnfcsOf = (service: NetworkService): readonly Vnfc[] => service.vnfs.flatMap((v) => v.vnfcs);
