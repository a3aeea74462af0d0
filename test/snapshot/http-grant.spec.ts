import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { HttpGrant } from '../../harness/snapshot/grant/http-grant.js';

async function nfvo(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/grant/v1/grants`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
const request = { operation: 'createSnapshot', vnfInstanceId: 'web', vnfcIds: ['web-1'], runId: 'run-1' } as const;

test('an NFVO grants with 201, asked as SOL003 has it', { tag: ['@Nfvo.001', '@Vnfsd.015'] }, async () => {
  const seen: unknown[] = [];
  await using server = await nfvo(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    seen.push(JSON.parse(body), req.headers.authorization, req.method);
    res.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"g"}');
  });
  await new HttpGrant({ url: server.url, authorization: 'Bearer t' }).request(request);
  expect(seen).toEqual([
    {
      vnfInstanceId: 'web',
      vnfLcmOpOccId: 'run-1',
      operation: 'CREATE_SNAPSHOT',
      isAutomaticInvocation: true,
      additionalParams: { vnfcInstanceIds: ['web-1'] },
    },
    'Bearer t',
    'POST',
  ]);
});

test('a grant that is pending is polled at its location until the NFVO has decided', async () => {
  let looks = 0;
  await using server = await nfvo((req, res) => {
    if (req.method === 'POST') res.writeHead(202, { location: '/grant/v1/grants/7' }).end();
    else if (req.url === '/grant/v1/grants/7' && ++looks < 3) res.writeHead(202, { location: '' }).end();
    else res.writeHead(200).end('{"id":"7"}');
  });
  await new HttpGrant({ url: server.url, pollMs: 5 }).request(request);
  expect(looks).toBe(3);
});

test('a refusal carries the reason of the NFVO, and not the secret', async () => {
  await using server = await nfvo((_req, res) =>
    res.writeHead(403, { 'content-type': 'application/problem+json' }).end('{"status":403,"detail":"maintenance"}'),
  );
  const refusal = new HttpGrant({ url: server.url, authorization: 'Bearer secret' }).request(request);
  await expect(refusal).rejects.toMatchObject({ kind: 'grant-denied' });
  await expect(refusal).rejects.toThrow(/403 maintenance/);
  await expect(refusal).rejects.not.toThrow(/secret/);
});

test('no answer is no grant', async () => {
  await using silent = await nfvo(() => {});
  await expect(new HttpGrant({ url: silent.url, deadlineMs: 50 }).request(request)).rejects.toMatchObject({
    kind: 'grant-denied',
  });
  const nobody = new HttpGrant({ url: 'http://127.0.0.1:9/', deadlineMs: 1000 });
  await expect(nobody.request(request)).rejects.toMatchObject({ kind: 'grant-denied' });
});
