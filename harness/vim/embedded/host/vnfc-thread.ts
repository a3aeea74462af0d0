import { parentPort } from 'node:worker_threads';
import { asError } from '../../../util/errors.js';
import { monotonicMs } from './control.js';
import { Reactor } from './reactor.js';
import { collectGarbage } from './rooms.js';
import type { Answers, FromThread, Question, ThreadData, ToThread } from './thread-protocol.js';

/**
 * The thread of one VNFC at a time. The first message says which; it may come long after the thread has booted. From then
 * on it takes messages and questions from the host, in the order in which they come. When the VNFC is retired, nothing of
 * it stays, and the thread waits for the next.
 */
const port = parentPort;
if (port === null) throw new Error('vnfc-thread is the entry of a worker thread');
const say = (message: FromThread): void => port.postMessage(message);

let handle: ((message: ToThread) => unknown) | undefined;

function begin(data: ThreadData): void {
  const reactor: Reactor = new Reactor(data, {
    flush: (messages, logs) => say({ t: 'out', messages, logs }),
    started: () => say({ t: 'started' }),
    probed: (id) => say({ t: 'probed', id, atMs: monotonicMs() }),
    ended(code, reason) {
      say({ t: 'ended', code, reason, globals: reactor.globals });
      port?.close();
    },
  });
  handle = (message) => receive(reactor, message);
  say({ t: 'ready' });
  reactor.run();
}

type AnswersTo = { [K in Question['what']]: (question: Extract<Question, { what: K }>) => Answers[K] };
const answersOf = (reactor: Reactor): AnswersTo => ({
  freeze() {
    reactor.freeze();
    return { atMs: monotonicMs() };
  },
  capture({ memory, disks }) {
    const frozenAtMs = monotonicMs();
    const { state, memory: source } = reactor;
    let target: SharedArrayBuffer | undefined;
    if (memory !== false) {
      // It may have grown since the host made room.
      const fits = memory !== true && memory.byteLength >= source.length;
      target = fits ? memory : new SharedArrayBuffer(source.length);
      new Uint8Array(target).set(source);
    }
    for (const { index, into } of disks) reactor.disks[index]?.copyInto(new Uint8Array(into));
    return {
      ...(target === undefined ? {} : { memory: target }),
      memoryBytes: source.length,
      state,
      frozenAtMs,
      tookMs: monotonicMs() - frozenAtMs,
    };
  },
  restore({ state }) {
    reactor.restore(state);
    return undefined;
  },
  limit({ pages }) {
    reactor.limitPages = pages;
    return { pages: reactor.pages };
  },
  disk({ index, disk }) {
    reactor.replaceDisk(index, disk);
    return undefined;
  },
  clock: () => ({ wallMs: reactor.wallClock() }),
  'grow-beyond-limit': () => reactor.growBeyondLimit(),
  'disk-errors'({ index, tries }) {
    const disk = reactor.disks[index];
    const byte = new Uint8Array(1);
    let readErrors = 0;
    let writeErrors = 0;
    for (let i = 0; disk !== undefined && i < tries; i++) {
      if (disk.read(0, byte) < 0) readErrors++;
      // Writes nothing, and fails as a write of the VNFC would.
      if (disk.write(0, new Uint8Array(0)) < 0) writeErrors++;
    }
    return { tries, readErrors, writeErrors };
  },
  'disk-room': ({ index }) => reactor.disks[index]?.tryToFill() ?? { bytes: 0, refused: false },
});

function receive(reactor: Reactor, message: ToThread): unknown {
  switch (message.t) {
    case 'messages':
      return reactor.receive(message.messages);
    case 'probe':
      return reactor.probe(message.id, message.spinMs);
    case 'thaw':
      return reactor.thaw();
    case 'collect':
      return collectGarbage();
    case 'retire':
      reactor.retire();
      handle = undefined;
      return say({ t: 'retired' });
    case 'ask':
      try {
        const answer = answersOf(reactor)[message.question.what] as (question: Question) => unknown;
        return say({ t: 'answer', id: message.id, value: answer(message.question) });
      } catch (e) {
        return say({ t: 'refused', id: message.id, reason: asError(e).message });
      }
  }
}

port.on('message', (message: ThreadData | ToThread) => {
  if (!('t' in message)) begin(message);
  else if (handle !== undefined) handle(message);
  else if (message.t === 'collect') collectGarbage();
});
