import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * Runs inside another network namespace. Each line of its input is an "<address>:<port>" to listen on; what connects there
 * is joined to the unix socket of its caller, with that line first.
 */
const [, , path] = process.argv;
if (path === undefined) throw new Error('usage: inner-listener.js SOCKET');
createInterface({ input: process.stdin }).on('line', (line) => {
  const [host = '', port] = line.split(':');
  createServer((client) => {
    const outer = connect(path);
    outer.write(`${line}\n`);
    client.pipe(outer);
    outer.pipe(client);
    client.on('error', () => outer.destroy());
    outer.on('error', () => client.destroy());
    outer.on('close', () => client.destroySoon());
    client.on('close', () => outer.destroySoon());
  })
    .on('error', (e) => console.log(`${line} ${e.message}`))
    .listen(Number(port), host, () => console.log(`${line} listens`));
});
