import { connect, createServer } from 'node:net';

/**
 * Runs inside the VMs' network namespace, listens on a unix socket, which any namespace can reach, and joins each
 * connection to the "<address>:<port>" that its first line names.
 */
const [, , path] = process.argv;
if (path === undefined) throw new Error('usage: relay.js SOCKET');
createServer((client) => {
  client.on('error', () => client.destroy());
  let head = Buffer.alloc(0);
  const onData = (piece: Buffer) => {
    head = Buffer.concat([head, piece]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    client.off('data', onData);
    client.pause();
    const [host = '', port] = head.toString('latin1', 0, end).split(':');
    const guest = connect(Number(port), host, () => {
      guest.write(head.subarray(end + 1));
      client.pipe(guest);
      guest.pipe(client);
    });
    guest.on('error', () => client.destroy());
    // What was read last is still to be written when the other side has closed.
    guest.on('close', () => client.destroySoon());
    client.on('close', () => guest.destroySoon());
  };
  client.on('data', onData);
}).listen(path);
