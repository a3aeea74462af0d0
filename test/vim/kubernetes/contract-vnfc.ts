import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

/** What runs in the pods of the contract: a counter in its memory, a file on its disk, a peer behind a Service. */
const { DATA = '/data', PEER_SERVICE_HOST: peer, PEER_SERVICE_PORT: port = '80' } = process.env;
const file = join(DATA, 'text');
let counter = 0;

async function handle(path: string, body: string): Promise<[number, string]> {
  switch (path) {
    case '/healthz':
      return [200, 'ok'];
    case '/bump':
      counter += 1;
      return [200, String(counter)];
    case '/counter':
      return [200, String(counter)];
    case '/echo':
      return [200, body];
    case '/link': {
      const answer = await fetch(`http://${peer}:${port}/healthz`, { signal: AbortSignal.timeout(800) });
      return [answer.status, 'pong'];
    }
    case '/write':
      writeFileSync(file, body);
      return [200, 'written'];
    case '/read':
      return existsSync(file) ? [200, readFileSync(file, 'utf8')] : [404, 'nothing'];
    case '/disk':
      appendFileSync(join(DATA, 'probe'), '.');
      return [200, 'ok'];
    default:
      return [404, 'not found'];
  }
}

createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (piece: string) => {
    body += piece;
  });
  request.on('end', () => {
    handle(request.url ?? '', body).then(
      ([status, text]) => response.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text),
      (e: unknown) => response.writeHead(503).end(String(e)),
    );
  });
}).listen(8080, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
