import { expect, test } from '@playwright/test';
import { HttpResponse } from '../../harness/monitor/probes/http-response.js';

/** What is known of an answer that comes in these pieces. */
function read(pieces: readonly Buffer[], { method = 'GET', closes = false } = {}) {
  const response = new HttpResponse(method, true);
  let isComplete = false;
  for (const piece of pieces) isComplete = response.take(piece);
  if (closes) isComplete = response.end() || isComplete;
  const { status, body, canBeReused, keptMs } = response;
  return { isComplete, status, body, canBeReused, keptMs };
}
const text = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1');

const sized = text('HTTP/1.1 200 OK', 'Content-Length: 5', 'Keep-Alive: timeout=7', '', 'hello');
const chunked = text(
  'HTTP/1.1 404 Not Found',
  'transfer-encoding: gzip, chunked',
  '',
  '5;ext=1',
  'hello',
  'A',
  ' wonderful',
  '0',
  'trailer: x',
  '',
  '',
);

test('an answer with a length is read, however its bytes are cut', () => {
  const whole = read([sized]);
  expect(whole).toEqual({ isComplete: true, status: 200, body: 'hello', canBeReused: true, keptMs: 7000 });
  for (let at = 1; at < sized.length; at++) {
    expect(read([sized.subarray(0, at)]).isComplete).toBe(false);
    expect(read([sized.subarray(0, at), sized.subarray(at)])).toEqual(whole);
  }
});

test('an answer in chunks is read, however its bytes are cut', () => {
  const whole = read([chunked]);
  expect(whole).toMatchObject({ isComplete: true, status: 404, body: 'hello wonderful', canBeReused: true });
  for (let at = 1; at < chunked.length; at++) {
    expect(read([chunked.subarray(0, at)]).isComplete).toBe(false);
    expect(read([chunked.subarray(0, at), chunked.subarray(at)])).toEqual(whole);
  }
  expect(read(Array.from(chunked, (byte) => Buffer.from([byte])))).toEqual(whole);
});

test('a body in UTF-8 survives a cut within a character', () => {
  const answer = Buffer.concat([text('HTTP/1.1 200 OK', 'content-length: 3', '', ''), Buffer.from('€')]);
  expect(read([answer.subarray(0, -1), answer.subarray(-1)]).body).toBe('€');
});

test('answers that have no body are complete with their head', () => {
  for (const status of ['204 No Content', '304 Not Modified'])
    expect(read([text(`HTTP/1.1 ${status}`, 'content-length: 5', '', '')]).isComplete).toBe(true);
  expect(read([text('HTTP/1.1 200 OK', 'content-length: 5', '', '')], { method: 'HEAD' }).isComplete).toBe(true);
  expect(read([text('HTTP/1.1 200 OK', 'content-length: 5', '', '')]).isComplete).toBe(false);
});

test('an answer without a length ends with its connection, which is used no more', () => {
  const open = text('HTTP/1.1 200 OK', '', 'so far');
  expect(read([open])).toMatchObject({ isComplete: false });
  expect(read([open], { closes: true })).toMatchObject({ isComplete: true, body: 'so far', canBeReused: false });
  expect(read([sized.subarray(0, -1)], { closes: true }).isComplete).toBe(false);
});

test('an interim answer is followed by the real one', () => {
  const interim = text('HTTP/1.1 103 Early Hints', 'link: </x>', '', '');
  expect(read([Buffer.concat([interim, sized])])).toMatchObject({ isComplete: true, status: 200, body: 'hello' });
});

test('a connection is used again only as the answer allows it', () => {
  const of = (first: string, ...more: string[]) =>
    read([text(first, ...more, 'content-length: 0', '', '')]).canBeReused;
  expect(of('HTTP/1.1 200 OK')).toBe(true);
  expect(of('HTTP/1.1 200 OK', 'Connection: close')).toBe(false);
  expect(of('HTTP/1.0 200 OK')).toBe(false);
  expect(of('HTTP/1.0 200 OK', 'connection: Keep-Alive')).toBe(true);
  expect(read([sized, Buffer.from('more than was announced')]).canBeReused).toBe(false);
});

test('what is not HTTP/1.1 is refused as soon as that shows', () => {
  const refused =
    (...pieces: Buffer[]) =>
    () =>
      read(pieces);
  expect(refused(Buffer.from('SSH-2.0-x\r\n'))).toThrow(/not HTTP/);
  expect(refused(text('HTTP/2 200', '', ''))).toThrow(/not HTTP/);
  expect(refused(text('HTTP/1.1 200 OK', 'content-length: 5, 5', '', ''))).toThrow(/bad content-length/);
  expect(refused(text('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', 'xyz', ''))).toThrow(/bad chunk/);
  const endless = Buffer.alloc(40_000, 'x');
  expect(refused(Buffer.from('HTTP/1.1 200 OK\r\na: '), endless, endless)).toThrow(/head too long/);
});
