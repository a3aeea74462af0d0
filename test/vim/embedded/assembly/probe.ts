// The test VNFC: an HTTP server on connection point 0 whose paths do one thing each, a peer on connection point 1.
import {
  config,
  diskFlush,
  diskRead,
  diskSize,
  diskWrite,
  exit,
  log,
  monotonic,
  now,
  random,
  resolve,
  send,
  text,
  timerCancel,
  timerSet,
} from './reactor';

const HTTP = 0;
const LINK = 1;
const UDP = 2;

let counter: i64 = 0;
let hash: u64 = 14695981039346656037;
let ticks: i32 = 0;
let echoes: i32 = 0;
let received = new Array<string>();
let waiting = new Map<string, i32>();
let ballast = new Array<ArrayBuffer>();

/** FNV-1a over everything that ever happened to this VNFC. */
function absorb(s: string): void {
  const bytes = Uint8Array.wrap(String.UTF8.encode(s));
  for (let i = 0; i < bytes.length; i++) hash = (hash ^ bytes[i]) * 1099511628211;
}

export function ordeal_reactor(): i32 {
  return 1;
}
export function alloc(length: i32): usize {
  return heap.alloc(length);
}
export function on_start(): void {
  log(1, 'booted with ' + config());
  if (config().includes('"tick"')) timerSet(1, 10);
  if (config().includes('"trapAtBoot"')) unreachable();
  if (config().includes('"loopAtBoot"')) while (true) {}
}
export function on_timer(id: i32): void {
  absorb('timer ' + id.toString());
  ticks++;
  if (id == 1) timerSet(1, 10);
}

function answer(handle: i32, body: string, status: i32 = 200): void {
  send(HTTP, handle, status.toString() + '\ncontent-type: text/plain\n\n' + body);
}

export function on_message(cp: i32, from: i32, pointer: usize, length: i32): void {
  const message = text(pointer, length);
  heap.free(pointer);
  if (cp == HTTP) http(from, message);
  else if (cp == UDP) send(UDP, from, 'echo ' + message);
  else link(from, message);
}

function link(from: i32, message: string): void {
  if (message.startsWith('ping ')) {
    send(LINK, from, 'pong ' + message.substring(5));
    return;
  }
  if (message.startsWith('pong ')) {
    const tag = message.substring(5);
    if (waiting.has(tag)) {
      answer(waiting.get(tag), 'pong');
      waiting.delete(tag);
    }
    return;
  }
  // Whoever is flooded need not remember every drop: that it does not run out of memory is not what is tested.
  if (message == 'flood') return;
  absorb('link ' + message);
  received.push(message);
}

function http(handle: i32, message: string): void {
  const words = message.substring(0, message.indexOf('\n')).split(' ');
  const path = words[1].split('/');
  const body = message.substring(message.indexOf('\n\n') + 2);
  const verb = path[1];
  const arg = path.length > 2 ? path[2] : '';
  const arg2 = path.length > 3 ? path[3] : '';
  if (verb == 'count') {
    answer(handle, (++counter).toString());
    return;
  }
  if (verb == 'counter') {
    answer(handle, counter.toString());
    return;
  }
  if (verb == 'absorb') {
    absorb(body);
    answer(handle, hash.toString());
    return;
  }
  if (verb == 'hash') {
    answer(handle, hash.toString());
    return;
  }
  if (verb == 'ticks') {
    answer(handle, ticks.toString());
    return;
  }
  if (verb == 'echo') {
    answer(handle, body);
    return;
  }
  if (verb == 'message') {
    answer(handle, message);
    return;
  }
  if (verb == 'status') {
    answer(handle, 'as asked', I32.parseInt(arg));
    return;
  }
  if (verb == 'nonsense') {
    send(HTTP, handle, 'this is not HTTP');
    return;
  }
  if (verb == 'silent') return;
  if (verb == 'trap') {
    unreachable();
    return;
  }
  if (verb == 'exit') {
    exit(I32.parseInt(arg));
    return;
  }
  if (verb == 'loop') {
    answer(handle, 'looping');
    while (true) {}
  }
  if (verb == 'flood') {
    while (true) send(LINK, resolve(arg), 'flood');
  }
  if (verb == 'chatter') {
    for (let i = 0; i < 10000; i++) log(0, 'chatter ' + i.toString());
    answer(handle, 'done');
    return;
  }
  if (verb == 'config') {
    answer(handle, config());
    return;
  }
  if (verb == 'log') {
    log(I32.parseInt(arg), body);
    answer(handle, 'logged');
    return;
  }
  if (verb == 'now') {
    answer(handle, now().toString());
    return;
  }
  if (verb == 'monotonic') {
    answer(handle, monotonic().toString());
    return;
  }
  if (verb == 'random') {
    const r = random(4);
    answer(handle, r.join(','));
    return;
  }
  if (verb == 'resolve') {
    answer(handle, resolve(arg).toString());
    return;
  }
  if (verb == 'timer') {
    timerSet(I32.parseInt(arg), F64.parseFloat(arg2));
    answer(handle, 'set');
    return;
  }
  if (verb == 'untimer') {
    timerCancel(I32.parseInt(arg));
    answer(handle, 'cancelled');
    return;
  }
  if (verb == 'tell') {
    send(LINK, resolve(arg), body);
    answer(handle, 'told');
    return;
  }
  if (verb == 'burst') {
    const n = I32.parseInt(arg2);
    for (let i = 0; i < n; i++) send(LINK, resolve(arg), i.toString());
    answer(handle, 'told');
    return;
  }
  if (verb == 'ping') {
    waiting.set(body, handle);
    send(LINK, resolve(arg), 'ping ' + body);
    return;
  }
  if (verb == 'received') {
    answer(handle, received.join('\n'));
    received = new Array<string>();
    return;
  }
  if (verb == 'size') {
    answer(handle, memory.size().toString());
    return;
  }
  if (verb == 'grow') {
    answer(handle, memory.grow(I32.parseInt(arg)).toString());
    return;
  }
  if (verb == 'ballast') {
    const n = I32.parseInt(arg);
    for (let i = 0; i < n; i++) {
      const block = new ArrayBuffer(1 << 20);
      memory.fill(changetype<usize>(block), <u8>(i + 1), 1 << 20);
      ballast.push(block);
    }
    answer(handle, memory.size().toString());
    return;
  }
  if (verb == 'disk-size') {
    answer(handle, diskSize(I32.parseInt(arg)).toString());
    return;
  }
  if (verb == 'disk-write') {
    const result = diskWrite(I32.parseInt(arg), F64.parseFloat(arg2), Uint8Array.wrap(String.UTF8.encode(body)));
    answer(handle, result.toString());
    return;
  }
  if (verb == 'disk-read') {
    const bytes = new Uint8Array(I32.parseInt(path[4]));
    const result = diskRead(I32.parseInt(arg), F64.parseFloat(arg2), bytes);
    answer(handle, result < 0 ? result.toString() : String.UTF8.decode(bytes.buffer));
    return;
  }
  if (verb == 'disk-flush') {
    answer(handle, diskFlush(I32.parseInt(arg)).toString());
    return;
  }
  answer(handle, 'no such path', 404);
}
