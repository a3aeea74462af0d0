// One VNFC of the session service. ROLE is gateway or store. A store keeps sessions in its memory and, before it says so, in
// a file under DATA, from which it has them again when it starts. A gateway asks the store behind the Service "store".
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { join } from 'node:path';

const { ROLE = 'store', DATA = '/data', STORE_SERVICE_HOST: host, STORE_SERVICE_PORT: port = '80' } = process.env;
const file = join(DATA, 'sessions.jsonl');
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const enough = 3;
const sessions = new Map();
let failures = 0;
let hasAnswered = false;

/** Asks the store. A store that breaks its connections again and again is left in peace: it has enough to do. */
function ask(method, path, body, through = agent) {
  if (failures >= enough) return Promise.resolve([503, 'the store is left in peace']);
  return new Promise((resolve) => {
    let isSlow = false;
    const fail = (why) => {
      if (hasAnswered && !isSlow) failures += 1;
      if (failures === enough) console.log(`the store is left in peace: ${why}`);
      resolve([503, why]);
    };
    const asked = request({ host, port, method, path, agent: through, timeout: 900 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      answer.on('end', () => {
        hasAnswered = true;
        if (failures < enough) failures = 0;
        resolve([answer.statusCode, text]);
      });
    });
    asked.on('timeout', () => {
      isSlow = true;
      asked.destroy(new Error('the store does not answer'));
    });
    asked.on('error', (e) => {
      // A connection that was kept may have been closed by the other side just now: that is no word about the store.
      if (asked.reusedSocket && !isSlow) resolve(ask(method, path, body, false));
      else fail(e.message);
    });
    asked.end(body);
  });
}

function keep(method, key, body) {
  if (method === 'GET') return sessions.has(key) ? [200, sessions.get(key)] : [404, 'no such session'];
  appendFileSync(file, `${JSON.stringify([key, body])}\n`);
  sessions.set(key, body);
  return [200, 'kept'];
}

function writes() {
  try {
    writeFileSync(join(DATA, 'probe'), String(Date.now()));
    return [200, 'ok'];
  } catch (e) {
    return [507, e.message];
  }
}

async function handle(method, path, body) {
  const [, key] = /^\/sessions\/([\w-]+)$/.exec(path) ?? [];
  if (key !== undefined) return ROLE === 'gateway' ? ask(method, path, body) : keep(method, key, body);
  if (path === '/healthz') return [200, 'ok'];
  if (path === '/peers') return ROLE === 'gateway' ? ask('GET', '/healthz', '') : [200, 'ok'];
  if (path === '/disk') return writes();
  return [404, 'not found'];
}

if (ROLE === 'store') {
  mkdirSync(DATA, { recursive: true });
  if (existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').trim().split('\n'))
      if (line !== '') sessions.set(...JSON.parse(line));
  }
}
createServer((asked, answer) => {
  let body = '';
  asked.setEncoding('utf8').on('data', (piece) => {
    body += piece;
  });
  asked.on('end', async () => {
    const [status, text] = await handle(asked.method, asked.url, body);
    answer.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  });
}).listen(8080, () => console.log(`${ROLE} is ready with ${sessions.size} sessions`));
process.on('SIGTERM', () => process.exit(0));
