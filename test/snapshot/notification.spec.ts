import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { command } from '../../harness/snapshot/notification/command.js';
import { NotificationHub, type SnapshotNotice } from '../../harness/snapshot/notification/hub.js';
import { webhook } from '../../harness/snapshot/notification/webhook.js';
import { openBench } from './bench.js';

const request = { vnf: 'web', name: 'n', purpose: 'manual' } as const;

async function endpoint(answer: (notice: SnapshotNotice) => number | undefined) {
  const told: SnapshotNotice[] = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    const notice = JSON.parse(body) as SnapshotNotice;
    told.push(notice);
    const status = answer(notice);
    if (status !== undefined) res.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    told,
    url,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a VNF is told before and after a creation and a reversion, with the list of affected VNFCs', {
  tag: ['@VeVnfmvnf-Vsn.001', '@VeVnfmvnf-Vsn.002', '@VeVnfmvnf-Vsn.003', '@CO-consistent'],
}, async () => {
  await using bench = await openBench();
  const told: string[] = [];
  const notification = new NotificationHub();
  using _subscription = notification.subscribe({ vnf: 'web' }, async ({ event, vnfcInstanceIds }) => {
    told.push(`${event} ${vnfcInstanceIds.join(' ')}`);
    bench.vim.calls.push(event);
  });
  const engine = bench.engine({ notification });
  const { id } = await engine.create(request);
  expect(bench.vim.calls[0]).toBe('creation-start');
  expect(bench.vim.calls.indexOf('creation-end')).toBeGreaterThan(bench.vim.calls.indexOf('resume web-2'));
  await engine.revert(id);
  await engine.create({ ...request, vnf: 'db' });
  expect(told).toEqual(
    ['creation-start', 'creation-end', 'reversion-start', 'reversion-end'].map((e) => `${e} web-1 web-2`),
  );
});

test('a VNF that wants no consistent snapshot is not told', { tag: ['@Vnfsd.008'] }, async () => {
  await using bench = await openBench({ web: { consistent: false } });
  const notification = new NotificationHub();
  let told = 0;
  notification.subscribe({}, async () => {
    told++;
  });
  await bench.engine({ notification }).create(request);
  expect(told).toBe(0);
});

test('a VNF that does not answer the start is told the end all the same, and its VNFCs are not touched', async () => {
  await using bench = await openBench();
  await using vnf = await endpoint(({ event }) => (event === 'creation-start' ? undefined : 204));
  const notification = new NotificationHub();
  notification.subscribe({ vnf: 'web' }, webhook(vnf.url));
  const engine = bench.engine({ notification, deadlines: { notificationMs: 150 } });
  await expect(engine.create(request)).rejects.toThrow(
    /VNF "web": to acknowledge the start .* timed out after 150 ms|aborted due to timeout/,
  );
  expect(vnf.told.map((n) => n.event)).toEqual(['creation-start', 'creation-end']);
  expect(vnf.told[0]).toMatchObject({ vnfInstanceId: 'web', vnfcInstanceIds: ['web-1', 'web-2'], deadlineMs: 150 });
  expect(bench.vim.calls).toEqual([]);
  expect(engine.list()).toEqual([]);
});

test('a VNF that refuses stops the creation', async () => {
  await using bench = await openBench();
  await using vnf = await endpoint(({ event }) => (event === 'creation-start' ? 503 : 204));
  const notification = new NotificationHub();
  notification.subscribe({ vnf: 'web' }, webhook(vnf.url));
  await expect(bench.engine({ notification }).create(request)).rejects.toThrow(/refuses creation-start.*503/);
});

test('the end is said again until the VNF has heard it', async () => {
  await using bench = await openBench();
  let ends = 0;
  await using vnf = await endpoint(({ event }) => (event === 'creation-end' && ++ends < 3 ? 503 : 204));
  const notification = new NotificationHub();
  notification.subscribe({ vnf: 'web' }, webhook(vnf.url));
  await bench.engine({ notification }).create(request);
  expect(ends).toBe(3);
  expect(bench.warnings).toEqual([]);
});

test('a VNF that is deaf at the end costs a warning, not the snapshot, and nothing stays quiesced', async () => {
  await using bench = await openBench();
  const notification = new NotificationHub();
  notification.subscribe({ vnf: 'web', events: ['creation-end'] }, () => new Promise(() => {}));
  const engine = bench.engine({ notification, deadlines: { notificationMs: 30 } });
  const { id } = await engine.create({ ...request, type: 'cold' });
  expect(engine.list().map((s) => s.id)).toEqual([id]);
  expect(bench.warnings).toEqual([expect.stringContaining('timed out after 30 ms')]);
  expect([...bench.vim.computes.values()].some((c) => c.quiesced)).toBe(false);
});

test('a command is told through its arguments and standard input, and its exit code is the answer', async () => {
  const script = `let t=''; process.stdin.on('data', d => t += d).on('end', () => {
    const n = JSON.parse(t); const [event, vnf] = process.argv.slice(1);
    if (event !== n.event || vnf !== n.vnfInstanceId) process.exit(9);
    if (event === 'reversion-start') { console.error('the database is rebuilding'); process.exit(3); }
    if (event === 'creation-end') setInterval(() => {}, 1000);
  })`;
  const tell = command([process.execPath, '-e', script]);
  const notice = { vnfInstanceId: 'web', vnfcInstanceIds: ['web-1'], deadlineMs: 500 };
  await tell({ ...notice, event: 'creation-start' }, AbortSignal.timeout(5000));
  await expect(tell({ ...notice, event: 'reversion-start' }, AbortSignal.timeout(5000))).rejects.toThrow(
    /exit code 3 the database is rebuilding/,
  );
  await expect(tell({ ...notice, event: 'creation-end' }, AbortSignal.timeout(300))).rejects.toThrow(/timeout/);
});
