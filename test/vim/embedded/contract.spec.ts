import { connect } from 'node:net';
import { openVim } from '../../../harness/vim/registry.js';
import { vimContract } from '../../contract/vim-contract.js';
import { sample } from './sample.js';

vimContract('embedded', {
  gaps: {
    'OP-revert.file-locks': 'no file system, no locks',
    'OP-revert.host': 'one host process for a service',
    'OP-update.snapshot': 'snapshots never change',
    'TQ-memory.internal': 'raw disks',
    'TQ-disk.incremental': 'whole copies',
    'TQ-disk.internal': 'raw disks',
    replay: 'no debugger takes the state of a VNFC',
  },
  async make() {
    const s = await sample({ names: ['subject', 'peer'], options: { maxLifetimeMs: 600_000 } });
    const ask = async (path: string, body = '', withinMs = 1000): Promise<string> => {
      const response = await fetch(`${await s.url('subject')}/${path}`, {
        method: 'POST',
        body,
        signal: AbortSignal.timeout(withinMs),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return response.text();
    };
    const disk = async (path: string, body = ''): Promise<string> => {
      const result = await ask(path, body);
      if (/^-\d+$/.test(result)) throw new Error(`${path}: errno ${result}`);
      return result;
    };
    let pings = 0;
    return {
      vim: s.vim,
      service: s.service,
      subject: 'subject',
      peer: 'peer',
      link: 'lan',
      disk: 'data',
      bump: async () => Number(await ask('count')),
      counter: async () => Number(await ask('counter')),
      writeDisk: async (text) => void (await disk('disk-write/0/0', text)),
      readDisk: (length) => disk(`disk-read/0/0/${length}`),
      ping: () =>
        ask('ping/peer', `ping ${++pings}`).then(
          (answer) => answer === 'pong',
          () => false,
        ),
      connect: () => keepAlive(s.url('subject')),
      reopen: () => openVim('embedded', { service: s.service, stateFolder: `${s.folder}/state`, options: {} }),
      [Symbol.asyncDispose]: () => s[Symbol.asyncDispose](),
    };
  },
});

/** Requests over one TCP connection, written by hand so that nothing reconnects behind our back. */
async function keepAlive(base: Promise<string>): Promise<{ say(text: string): Promise<string>; close(): void }> {
  const { hostname, port } = new URL(await base);
  const socket = connect({ host: hostname, port: Number(port) });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return {
    say: (text) =>
      new Promise((resolve, reject) => {
        let got = '';
        const fail = (): void => reject(new Error('the connection was closed'));
        const take = (chunk: Buffer): void => {
          got += chunk;
          const body = got.split('\r\n\r\n')[1];
          if (body === undefined || !body.includes(text)) return;
          socket.off('data', take).off('close', fail);
          resolve(text);
        };
        socket.on('data', take).once('close', fail);
        socket.write(`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
      }),
    close: () => socket.destroy(),
  };
}
