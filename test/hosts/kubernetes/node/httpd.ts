import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

/** In the stead of busybox's httpd: the files of one folder. */
const { values } = parseArgs({
  options: { f: { type: 'boolean', short: 'f' }, p: { type: 'string', short: 'p' }, h: { type: 'string', short: 'h' } },
});
createServer((request, response) => {
  const file = createReadStream(join(values.h ?? '.', basename(request.url ?? '')));
  file.once('error', () => response.writeHead(404).end()).once('open', () => file.pipe(response));
}).listen(Number(values.p));
