import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import type { LocatedService } from '../../harness/model/network-service.js';
import { networkService } from '../../harness/model/network-service.js';
import { informAll, signatureOf } from '../../harness/online-test/inform.js';
import { failedRun } from '../reports/sample-run.js';

/** Answers with these statuses, the last one for ever; undefined is no answer at all. */
async function receiver(...statuses: (number | undefined)[]) {
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    got.push({ headers: req.headers, body });
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    if (status !== undefined) res.writeHead(status, { location: '/elsewhere' }).end('so be it');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    got,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const failed = failedRun().record;
const vnfs = [...new Set(failed.snapshots.map((s) => s.vnf))];
const record = { ...failed, packages: failed.packages.map((p) => ({ ...p, vnf: vnfs[0] })) };
const serviceWith = (inform: unknown[]): LocatedService => ({
  file: 'service.yaml',
  folder: '.',
  descriptor: networkService.parse({
    schema: 'ordeal.service/1',
    id: record.service,
    expectedRecoveryMs: 100,
    highAvailability: 'none',
    vnfs: [{ id: 'v', vnfdId: 'v', vnfcs: [{ id: 'c' }] }],
    probes: [{ id: 'p', kind: 'tcp', port: 1 }],
    inform,
  }),
});

test('a signature is that of the Standard Webhooks specification', () => {
  // The example of its reference implementations.
  const [secret, id, timestamp] = [
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    '1614265330',
  ];
  expect(signatureOf(secret, id, timestamp, '{"test": 2432232314}')).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});

test('a webhook is sent what became of the service, signed, once more when it does not take it at once', async () => {
  await using noc = await receiver(503, 503, 204);
  const service = serviceWith([
    { who: 'service-provider', webhook: { url: `${noc.url}?key=1`, secretEnv: 'NOC_KEY' } },
  ]);
  const told = await informAll(service, record, { NOC_KEY: 'a secret' });
  expect(told).toEqual([{ who: 'service-provider', by: noc.url, outcome: 'told', attempts: 3 }]);
  for (const { headers, body } of noc.got) {
    const [id, at] = [headers['webhook-id'], headers['webhook-timestamp']] as [string, string];
    expect(headers['webhook-signature']).toBe(signatureOf('a secret', id, at, body));
    expect(id).toBe(noc.got[0]?.headers['webhook-id']);
    expect(JSON.parse(body)).toMatchObject({
      schema: 'ordeal.notice/1',
      to: 'service-provider',
      run: record.id,
      outcome: 'restored',
      vnfs,
      verdicts: record.verdicts,
      packages: record.packages,
    });
  }
});

test('a VNF provider is told of its own VNFs only, and not of a test that went well when it does not want that', async () => {
  await using vendor = await receiver(200);
  const own = { who: 'vnf-provider', vnfs: vnfs.slice(0, 1), webhook: { url: vendor.url }, when: 'not-as-before' };
  const service = serviceWith([own, { ...own, vnfs: ['somebody-elses'] }]);
  expect(await informAll(service, record)).toHaveLength(1);
  const { vnfs: named, snapshots } = JSON.parse(vendor.got[0]?.body ?? '{}') as {
    vnfs: string[];
    snapshots: { vnf: string }[];
  };
  expect(named).toEqual(own.vnfs);
  expect(snapshots.every((s) => s.vnf === own.vnfs[0])).toBe(true);
  const well = {
    ...record,
    verdicts: { ...record.verdicts, service: 'recovered', restoration: 'not-needed' } as const,
  };
  expect(await informAll(service, well)).toEqual([]);
});

test('a command is given the notice on its standard input, and its exit code is the answer', async () => {
  const script = `let t=''; process.stdin.on('data', d => t += d).on('end', () => {
    const n = JSON.parse(t); console.error('I know ' + n.run); process.exit(process.argv[1] === 'well' ? 0 : 3); })`;
  const by = [process.execPath, '-e', script];
  const service = serviceWith([
    { who: 'service-provider', command: [...by, 'well'] },
    { who: 'service-provider', command: [...by, 'ill'], deadlineMs: 1500 },
  ]);
  const [well, ill] = await informAll(service, record);
  expect(well).toMatchObject({ outcome: 'told', attempts: 1 });
  expect(ill).toMatchObject({
    outcome: 'not-told',
    reason: expect.stringMatching(/exit code 3 I know run-.* 1500 ms/),
  });
});

test('whoever does not answer, redirects or lacks its secret is given up at its deadline, and holds nobody else up', async () => {
  await using deaf = await receiver(undefined);
  await using astray = await receiver(302);
  await using noc = await receiver(204);
  const to = (url: string, more = {}) => ({ who: 'service-provider', webhook: { url, ...more }, deadlineMs: 600 });
  const service = serviceWith([to(deaf.url), to(astray.url), to(noc.url, { secretEnv: 'NOT_SET' }), to(noc.url)]);
  const from = performance.now();
  const told = await informAll(service, record, {});
  expect(performance.now() - from).toBeLessThan(5000);
  expect(told.map((t) => t.outcome)).toEqual(['not-told', 'not-told', 'not-told', 'told']);
  expect(told[2]?.reason).toContain('no NOT_SET');
  expect(noc.got).toHaveLength(1);
  expect(astray.got.length).toBeGreaterThan(0);
  await sleep(10);
});

test('an informee without a way, or with two, is refused', () => {
  expect(() => serviceWith([{ who: 'service-provider' }])).toThrow(/either a webhook or a command/);
  const both = { who: 'service-provider', webhook: { url: 'http://x/' }, command: ['x'] };
  expect(() => serviceWith([both])).toThrow(/either a webhook or a command/);
  expect(() => serviceWith([{ who: 'service-provider', webhook: { url: 'file:///etc' } }])).toThrow();
});
