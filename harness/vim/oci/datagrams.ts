import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { OrdealError } from '../../util/errors.js';

const run = promisify(execFile);

export interface Burst {
  readonly to: string;
  readonly port: number;
  readonly count: number;
  readonly bytes: number;
  /** What each of them says, in hexadecimal; absent: as many zeros as `bytes`. */
  readonly payload?: string;
  /** Between two datagrams; 0 means as fast as they go. */
  readonly everyMs: number;
}

const program = `
const { createSocket } = require('node:dgram');
const { to, port, count, bytes, payload: said, everyMs } = JSON.parse(process.argv[1]);
const socket = createSocket('udp4');
socket.on('error', () => {});
const payload = said === undefined ? Buffer.alloc(bytes) : Buffer.from(said, 'hex');
const started = performance.now();
let sent = 0;
// The last one is sent by itself: with it the socket may be closed.
const most = count - 1;
const next = () => {
  while (sent < most && sent * everyMs <= performance.now() - started) {
    if (++sent % 50 === 0) return socket.send(payload, port, to, () => setImmediate(next));
    socket.send(payload, port, to);
  }
  if (sent < most) return setTimeout(next, 1);
  socket.send(payload, port, to, () => socket.close());
};
next();
`;

/** Datagrams from within the network namespace of a process: the container itself needs no tool for it. */
export async function sendDatagrams(pid: number, burst: Burst): Promise<void> {
  const args = [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '-e', program, JSON.stringify(burst)];
  try {
    await run('nsenter', args, { timeout: 20_000 });
  } catch (e) {
    throw new OrdealError('vim-failed', 'No datagrams can be sent from the container', { cause: e });
  }
}
