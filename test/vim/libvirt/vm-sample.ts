import { connect } from 'node:net';
import { join } from 'node:path';
import { networkService } from '../../../harness/model/network-service.js';
import type { VimContext } from '../../../harness/model/vim.js';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtVim } from '../../../harness/vim/libvirt/libvirt-vim.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import type { ContractSample } from '../../contract/contract-sample.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';

const subjectAddress = 11;
const peerAddress = 12;
/** Software emulation on a loaded machine. */
const answerMs = 8000;
/** Internal snapshots go with the domain. */
const UNDEFINE_ALL = 1 | 2 | 4 | 16;

/** Two real VMs on one link, as the contract suite wants them. The host is the caller's to end. */
export async function vmSample(
  host: LibvirtHost,
): Promise<ContractSample & { readonly vim: LibvirtVim; readonly context: VimContext }> {
  const client = new LibvirtClient(host.uri);
  const vms = [
    { name: 'subject', address: subjectAddress },
    { name: 'peer', address: peerAddress, memoryMiB: 96 },
  ];
  for (const vm of vms) {
    const { dom } = await client.call(procedures.domainDefineXml, { xml: await host.guestXml(vm), flags: 0 });
    await client.call(procedures.domainCreate, { dom, flags: 0 });
  }
  await client.close();
  const [base, echo, peerBase] = await Promise.all([
    host.reach(subjectAddress),
    host.reach(subjectAddress, 9000),
    host.reach(peerAddress),
  ]);
  const context = contextOf(host, base);
  const vim = await LibvirtVim.open(context);
  const ask = async (what: string, body = '', withinMs = answerMs): Promise<string> => {
    const response = await fetch(`${base}/cgi-bin/probe/${what}`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(withinMs),
    });
    if (!response.ok) throw new Error(`${what}: ${response.status}`);
    return response.text();
  };
  for (const url of [base, peerBase]) {
    const answers = () => fetch(`${url}/counter`, { signal: AbortSignal.timeout(2000) }).then((r) => r.ok);
    await until(`${url} answers`, () => answers().catch(() => false), { withinMs: 180_000, everyMs: 300 });
  }
  // It comes up after what answers on the network, and what the VIM can do depends on it.
  const agentAnswers = async () => (await vim.capabilities()).get('OP-create.quiesce')?.supported === true;
  await until('a guest agent answers', agentAnswers, { withinMs: 60_000, everyMs: 300 });
  return {
    context,
    vim,
    service: context.service,
    subject: 'subject',
    peer: 'peer',
    link: 'lan',
    disk: 'data',
    bump: async () => Number(await ask('bump')),
    counter: async () => Number(await ask('counter')),
    writeDisk: async (text) => void (await ask('write', text)),
    readDisk: async (length) => (await ask('read')).slice(0, length),
    ping: () =>
      ask('ping', `10.77.0.${peerAddress}`).then(
        (answer) => answer === 'pong',
        () => false,
      ),
    connect: () => talk(echo),
    // A guest of 128 MiB that is left with 1 MiB is a dead guest.
    doses: { 'memory-pressure': { leaveBytes: 32 * 2 ** 20 } },
    reopen: () => LibvirtVim.open(context),
    async [Symbol.asyncDispose]() {
      await vim[Symbol.asyncDispose]();
      await removeDomains(host);
    },
  };
}

/** Whatever stands in for them by now. */
async function removeDomains(host: LibvirtHost): Promise<void> {
  const client = new LibvirtClient(host.uri);
  const { domains } = await client.call(procedures.connectListAllDomains, { needResults: 1, flags: 0 });
  for (const dom of domains.filter((d) => /^(subject|peer)/.test(d.name))) {
    if (dom.id >= 0) await client.call(procedures.domainDestroy, { dom, flags: 0 });
    await client.call(procedures.domainUndefine, { dom, flags: UNDEFINE_ALL });
  }
  await client.close();
}

export function contextOf(host: LibvirtHost, base: string): VimContext {
  const vnfc = (id: string, addresses: Record<string, string>) => ({
    id,
    vim: 'libvirt',
    connectionPoints: [{ id: 'lan', link: 'lan' }],
    disks: [{ id: 'data', sizeBytes: 64 * 2 ** 20 }],
    deployment: { addresses },
  });
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'two-vms',
    expectedRecoveryMs: 10_000,
    highAvailability: 'none',
    vims: { libvirt: {} },
    vnfs: [{ id: 'vms', vnfdId: 'vms', vnfcs: [vnfc('subject', { lan: base }), vnfc('peer', {})] }],
    virtualLinks: [{ id: 'lan' }],
    probes: [{ id: 'health', kind: 'http', connectionPoint: 'subject.lan', url: '{base}/counter' }],
  });
  return {
    service: { file: 'two-vms.yaml', folder: host.folder, descriptor },
    stateFolder: join(host.folder, 'state'),
    options: { uri: host.uri, folder: join(host.folder, 'ordeal') },
  };
}

async function talk(url: string): Promise<{ say(text: string): Promise<string>; close(): void }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return {
    say: (text) =>
      new Promise((resolve, reject) => {
        let got = '';
        const fail = (): void => reject(new Error('the connection was closed'));
        const take = (piece: Buffer): void => {
          got += piece;
          if (!got.includes(text)) return;
          socket.off('data', take).off('close', fail);
          resolve(text);
        };
        socket.on('data', take).once('close', fail);
        socket.write(text);
      }),
    close: () => socket.destroy(),
  };
}
