import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notice } from '../../harness/online-test/inform.js';
import { sweepPopulation } from '../../harness/online-test/sweep.js';
import { storedVnfd } from '../../harness/snapshot/stored-vnfd.js';
import { compareVnfdWithInfo } from '../../harness/snapshot/vnfd-comparison.js';
import { expect, test } from '../../scenarios/fixtures.js';

test('after a failure the area is as before, the evidence is stored, and service and VNF provider are informed', {
  tag: ['@vim:embedded', '@UC-4.1.1.3', '@UC-4.1.1.P'],
}, async ({ onlineTest, service }) => {
  const notices: Notice[] = [];
  let isServing: boolean | undefined;
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    if (req.url === '/deaf') return;
    notices.push(JSON.parse(body) as Notice);
    isServing ??= (await sweepPopulation(service, 'sessions')).badCount === 0;
    res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const informee = { when: 'always' as const, deadlineMs: 15_000 };
  service.service.descriptor.inform.push(
    { who: 'service-provider', ...informee, webhook: { url: `${url}/noc` } },
    { who: 'vnf-provider', ...informee, vnfs: ['session-store'], webhook: { url: `${url}/vendor` } },
    { who: 'vnf-provider', ...informee, vnfs: ['gateway'], webhook: { url: `${url}/deaf` }, deadlineMs: 500 },
  );
  try {
    const run = await onlineTest({
      around: ['gateway', 'session-store'],
      baselineMs: 3000,
      faults: [{ kind: 'stall', target: { vnfc: 'store-1' }, durationMs: 2000 }],
    });
    expect(run.errors).toEqual([]);
    expect(run.verdicts).toMatchObject({ service: 'failed', restoration: 'restored', evidence: 'exported' });
    // Who was told found the service as before: nobody is told before it is given back, and who is deaf delays nothing.
    expect(isServing).toBe(true);
    expect(run.informed?.map((i) => [i.who, i.outcome])).toEqual([
      ['service-provider', 'told'],
      ['vnf-provider', 'told'],
      ['vnf-provider', 'not-told'],
    ]);
    expect(notices.map((n) => [n.to, n.outcome, n.vnfs, n.packages.length])).toEqual(
      expect.arrayContaining([
        ['service-provider', 'restored', ['gateway', 'session-store'], 2],
        ['vnf-provider', 'restored', ['session-store'], 1],
      ]),
    );
    const forensic = service.engine.list({ runId: run.id }).filter((s) => s.userDefinedData.purpose === 'forensic');
    expect(forensic.map((s) => s.vnfInstanceId).sort()).toEqual(['gateway', 'session-store']);

    for (const { id, vnf, vnfcs } of run.snapshots.filter((s) => s.purpose === 'restore')) {
      const { vnfInstance } = service.engine.show(id);
      const { descriptor, files } = storedVnfd.parse(service.state.vnfSnapshots.vnfd(id));
      expect(descriptor.id).toBe(vnf);
      const vnfd = Buffer.from(files[0]?.base64 ?? '', 'base64').toString();
      expect(vnfd).toContain('tosca.nodes.nfv.VNF');
      expect(vnfd, 'with its virtual links').toContain('VirtualLinkable');
      const { vnfcResourceInfo, vnfVirtualLinkResourceInfo } = vnfInstance.instantiatedVnfInfo;
      expect(vnfcResourceInfo.map((r) => r.id).sort()).toEqual(vnfcs.map((v) => v.id).sort());
      expect(vnfVirtualLinkResourceInfo.length).toBeGreaterThan(0);
      expect(compareVnfdWithInfo(descriptor, vnfInstance)).toEqual([]);
      expect(vnfcs.every((v) => v.type === 'warm')).toBe(true);
    }
  } finally {
    // The next test has the same service.
    service.service.descriptor.inform.length = 0;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
