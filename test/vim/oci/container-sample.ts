import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { networkService } from '../../../harness/model/network-service.js';
import type { Vim, VimContext } from '../../../harness/model/vim.js';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import type { ContractSample } from '../../contract/contract-sample.js';
import type { ContainerHost } from '../../hosts/containers/container-host.js';

const port = 8080;

export interface ContainerSample extends ContractSample {
  readonly context: VimContext;
  /** Asks one of the VNFCs. @throws when it does not answer well within the time */
  ask(vnfc: string, path: string, body?: string, withinMs?: number): Promise<string>;
  get(vnfc: string, path: string): Promise<string>;
  connect(): Promise<Talk>;
}

/** Real containers on one link, as the contract suite wants them. The host is the caller's to end. */
export async function containerSample(
  host: ContainerHost,
  {
    names = ['subject', 'peer'],
    environment = {} as Record<string, Record<string, string>>,
    command = ['/bin/perl', '/bin/vnfc'],
  } = {},
): Promise<ContainerSample> {
  const bases = new Map<string, string>();
  for (const [i, name] of names.entries()) bases.set(name, await host.ports.reach(`${addressOf(i)}:${port}`));
  const context = contextOf(host, bases, environment, command);
  const vim: Vim = await openVim(host.kind, context);
  await vim.instantiation?.instantiate(context.service);
  const ask = async (vnfc: string, path: string, body = '', withinMs = 2000): Promise<string> => {
    const { status, text } = await once('POST', `${bases.get(vnfc)}${path}`, body, withinMs);
    if (status >= 400) throw new Error(`${path}: ${status} ${text}`);
    return text;
  };
  for (const name of names) {
    const answers = () => ask(name, '/health').catch(() => undefined);
    await until(`${name} answers`, answers, { withinMs: 30_000, everyMs: 50 });
  }
  return {
    context,
    vim,
    service: context.service,
    subject: 'subject',
    peer: 'peer',
    link: 'lan',
    disk: 'data',
    doses: { 'disk-full': { disk: '/scratch' } },
    ask,
    get: async (vnfc, path) => {
      const { status, text: answer } = await once('GET', `${bases.get(vnfc)}${path}`);
      if (status >= 400) throw new Error(`${path}: ${status} ${answer}`);
      return answer;
    },
    bump: async () => Number(await ask('subject', '/bump')),
    counter: async () => Number(await ask('subject', '/counter')),
    writeDisk: async (content) => void (await ask('subject', '/disk', content)),
    readDisk: async (length) => (await once('GET', `${bases.get('subject')}/disk`)).text.slice(0, length),
    ping: () =>
      ask('subject', '/ping', `${addressOf(1)}:${port}`).then(
        (answer) => answer === 'pong',
        () => false,
      ),
    connect: () => talk(bases.get('subject') ?? ''),
    reopen: () => openVim(host.kind, context),
    async [Symbol.asyncDispose]() {
      await vim.instantiation?.terminate();
      await vim[Symbol.asyncDispose]();
    },
  };
}

/** On a connection of its own: one that is kept would be of another time after a revert. */
function once(method: string, url: string, body = '', withinMs = 2000): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(withinMs);
    request(url, { method, agent: false, signal }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 500, text: answer }), reject);
    })
      .on('error', reject)
      .end(body);
  });
}

const addressOf = (i: number): string => `10.78.0.${11 + i}`;

function contextOf(
  host: ContainerHost,
  bases: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, Record<string, string>>>,
  command: readonly string[],
): VimContext {
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: `containers-${host.kind}`,
    expectedRecoveryMs: 10_000,
    highAvailability: 'none',
    vims: { [host.kind]: {} },
    vnfs: [
      {
        id: 'containers',
        vnfdId: 'containers',
        vnfcs: [...bases].map(([id, base], i) => ({
          id,
          vim: host.kind,
          connectionPoints: [{ id: 'lan', link: 'lan' }],
          disks: [{ id: 'data', sizeBytes: 2 ** 20 }],
          deployment: {
            image: 'ordeal/vnfc:test',
            archive: host.image,
            command,
            listens: [port],
            environment: environment[id] ?? {},
            volumes: { data: '/data' },
            tmpfs: ['/scratch:size=4m'],
            networks: { lan: { address: addressOf(i) } },
            memoryBytes: 2 ** 31,
            addresses: { lan: base },
          },
        })),
      },
    ],
    virtualLinks: [{ id: 'lan' }],
    probes: [{ id: 'health', kind: 'http', connectionPoint: `${[...bases.keys()][0]}.lan`, url: '{base}/health' }],
  });
  return {
    service: { file: 'containers.yaml', folder: host.folder, descriptor },
    stateFolder: join(host.folder, 'state'),
    options: { ...host.options, networks: { lan: { subnet: '10.78.0.0/24' } } },
  };
}

interface Talk {
  say(text: string): Promise<string>;
  close(): void;
  /** Settles when the other side has ended the connection. */
  readonly ended: Promise<'ended'>;
}

/** Requests over one TCP connection, written by hand so that nothing reconnects behind our back. */
export async function talk(url: string): Promise<Talk> {
  const { hostname, port: to } = new URL(url);
  const socket = connect({ host: hostname, port: Number(to) });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const ended = new Promise<'ended'>((resolve) => socket.once('close', () => resolve('ended')));
  return {
    say: (words) =>
      new Promise((resolve, reject) => {
        let got = '';
        const fail = (): void => reject(new Error('the connection was closed'));
        const take = (piece: Buffer): void => {
          got += piece;
          if (!got.split('\r\n\r\n')[1]?.includes(words)) return;
          socket.off('data', take).off('close', fail);
          resolve(words);
        };
        socket.on('data', take).once('close', fail);
        socket.write(`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${words.length}\r\n\r\n${words}`);
      }),
    close: () => socket.destroy(),
    ended,
  };
}
